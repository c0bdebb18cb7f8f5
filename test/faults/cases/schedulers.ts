import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../../harness.ts'
import { type Case, drill } from '../drill.ts'
import type { Lab } from '../lab.ts'

/** Longer than a scheduler holds its lease without a word. */
const HALTED_MS = 13_000

/** Several relays and two schedulers are always there; the one that leads stands still, and comes back believing it leads. */
export const schedulers: Case = {
  name: 'schedulers',
  what: 'scheduler halted beyond its lease, two believing they lead: nothing twice',
  atMostSeconds: 180,
  run: lab =>
    drill(lab, {
      name: 'schedulers',
      mayRepeat: 0,
      scheduledInMs: 3_000,
      async faults({ id, reached }) {
        await reached(0.1)
        const first = await leader(lab)
        lab.processes.kill(first, 'SIGSTOP')
        await pause(HALTED_MS)
        await until('another to lead', async () => (await leader(lab)) !== first)
        lab.processes.kill(first, 'SIGCONT')
        await reached(0.8)
        const twice = await lab.db.query<{ id: string }>(
          'select id from deliveries where broadcast_id = $1 and takes > 1',
          [id],
        )
        if (twice.length > 0) throw new Error(`${twice.length} units were taken twice.`)
      },
      async check({ id }) {
        // Each customer is in one chunk: nobody was planned twice, by whichever process.
        const [overlap] = await lab.db.query<{ twice: number }>(
          `select count(*) twice from (
             select after_customer, lag(through_customer) over (order by through_customer) before
             from deliveries where broadcast_id = $1 and devices is null) chunks
           where after_customer < before`,
          [id],
        )
        if (overlap?.twice !== 0) throw new Error(`${overlap?.twice} chunks overlap.`)
      },
    }),
}

async function leader({ db }: Lab): Promise<string> {
  const [lease] = await db.query<{ holder: string }>("select holder from leases where name = 'scheduler'")
  return lease?.holder.split(':')[0] ?? ''
}
