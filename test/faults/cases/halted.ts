import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../../harness.ts'
import { rolesAs } from '../../stack/plan.ts'
import { type Case, CHUNK, drill, SLOTS } from '../drill.ts'
import { haltWhileBusy } from '../halt.ts'

const LEASE_MS = 30_000
const SLOW_MS = 5_000
const WATCHED_MS = 5_000

/** A worker that stands still for less than its lease, then for longer, and comes back when all is done by another. */
export const halted: Case = {
  name: 'halted',
  what: 'worker halted for less, then for longer than its lease, and woken again',
  atMostSeconds: 240,
  async run(lab) {
    const other = rolesAs(lab.env).worker('samaconso_worker_9', ['normal', 'low_priority'])
    await lab.processes.start(other)
    return drill(lab, {
      name: 'halted',
      mayRepeat: SLOTS * CHUNK,
      async faults({ id, reached, distinct }) {
        await reached(0.15)
        lab.processes.kill('samaconso_worker_2', 'SIGSTOP')
        await pause(SLOW_MS)
        lab.processes.kill('samaconso_worker_2', 'SIGCONT')
        await reached(0.3)
        await haltWhileBusy(lab, 'samaconso_worker_2', id)
        const stoppedAt = Date.now()
        const everybody = await lab.db.query<{ token: string }>(
          'select push_token token from devices where push_token is not null',
        )
        await until(
          'the other one to reach everybody',
          async () => (await distinct()) >= everybody.length,
          120_000,
        )
        await pause(Math.max(0, stoppedAt + LEASE_MS + 1_000 - Date.now()))
        // By now every unit is recorded by the other one.
        await until('it to record everything', async () => (await open(id)) === 0, 60_000)
        const before = await received(id, everybody)
        lab.processes.kill('samaconso_worker_2', 'SIGCONT')
        await pause(WATCHED_MS)
        const after = await received(id, everybody)
        if (after > before)
          throw new Error(`The worker that was woken sent ${after - before} pushes of others’ units.`)
      },
    })

    async function open(id: string): Promise<number> {
      const [row] = await lab.db.query<{ open: number }>(
        `select count(*) open from deliveries where broadcast_id = $1 and state <> 'done'`,
        [id],
      )
      return row?.open ?? 0
    }
    async function received(id: string, devices: readonly { token: string }[]): Promise<number> {
      await pause(500)
      const count = await lab.ledger()
      return devices.reduce((sum, { token }) => sum + count(token, id), 0)
    }
  },
}
