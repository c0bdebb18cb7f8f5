import type { Queryable } from '../../../db/index.ts'
import type { Queue } from '../../../tasks/index.ts'

/** Units of a queue that wait for their time. */
export interface DueDeliveries {
  queue: Queue
  /** Counted no further than 10,000 in all queues together. */
  count: number
  first: Date
  last: Date
}

/** Units that are not sent before a later time: another attempt, the end of a night. Those held for a person are none. */
export const dueDeliveries = (db: Queryable, now: number): Promise<DueDeliveries[]> =>
  db.query(
    `select queue, count(*)::integer count, min(due_at) first, max(due_at) last
     from (select queue, due_at from deliveries
           where state = 'pending' and republish_at < 'infinity' and due_at > $1 limit 10000) waiting
     group by queue order by min(due_at)`,
    [new Date(now)],
  )
