import { afterAll, beforeAll, expect, it } from 'vitest'
import { cloneDatabase } from '../../test/harness.ts'
import { newId } from '../lib/id.ts'
import { markTasks, readTaken } from './history-sql.ts'

let clone: Awaited<ReturnType<typeof cloneDatabase>>
beforeAll(async () => {
  clone = await cloneDatabase()
})
afterAll(() => clone.drop())

const park = (taskId: string, at: number) =>
  clone.db.query(
    `insert into task_history (id, task_id, task, queue, worker, state, attempt, finished_at)
     values ($1, $2, 'test.task', 'normal', 'worker-1', 'parked', 1, now())`,
    [newId(at), taskId],
  )

it('what was put aside anew while it was sent is not marked as sent', async () => {
  const taskId = newId()
  await park(taskId, Date.now() - 2_000)
  const taken = await readTaken(clone.db, [taskId, 'not-of-our-making'])
  await park(taskId, Date.now() - 1_000)
  await markTasks(clone.db, taken, 'resent')
  const rows = await clone.db.query<{ sent: boolean }>(
    'select resent_at is not null sent from task_history where task_id = $1 order by id',
    [taskId],
  )
  expect(rows.map(({ sent }) => sent)).toEqual([true, false])
})
