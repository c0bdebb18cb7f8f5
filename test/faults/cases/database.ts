import { type Case, drill } from '../drill.ts'

/** PostgreSQL and what stands before it, killed and started again at once. */
export const database: Case = {
  name: 'database',
  what: 'PostgreSQL killed, PgBouncer killed',
  short: true,
  atMostSeconds: 180,
  run: lab =>
    drill(lab, {
      name: 'database',
      // What was sent is kept in hand until it can be recorded.
      mayRepeat: 0,
      async faults({ fault, reached }) {
        await reached(0.25)
        await fault(() => lab.processes.killAndReturn('postgres'), SETTLE_MS)
        await reached(0.55)
        await fault(() => lab.processes.killAndReturn('pgbouncer'), SETTLE_MS)
      },
    }),
}

/** Pauses between tries to record grow to some seconds, and PgBouncer waits a second before it tries PostgreSQL again. */
const SETTLE_MS = 5_000
