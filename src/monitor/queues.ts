import type { Queryable } from '../db/index.ts'
import { QUEUES, type QueueDepth } from '../tasks/index.ts'
import type { Desk } from './desk.ts'

/** How full a queue is, null where the broker does not say, and who works on it. */
export interface QueueView {
  queue: string
  ready: number | null
  unacknowledged: number | null
  delayed: number | null
  parked: number | null
  /** Workers that consume it. */
  consumers: number
  slots: number
  active: number
  /** Of late; null while nothing was measured. */
  inPerSecond: number | null
  outPerSecond: number | null
  /** For how long the oldest has been ready, at least: counted from when it was seen. */
  oldestMs: number | null
  /** The longest that a task which ended in the last minute had waited for a slot. */
  waitedMs: number | null
}

export interface Outbox {
  /** Counted no further than 100,000. */
  waiting: number
  oldestSeconds: number | null
}

export interface Queues {
  broker: 'ok' | 'down'
  database: 'ok' | 'down'
  items: QueueView[]
  outbox: Outbox | null
}

/** What waits where: in the broker, in workers, and in the outbox on the way there. */
export async function lookAtQueues(desk: Desk): Promise<Queues> {
  const [depths, outbox, waits] = await Promise.all([
    desk.hear('broker', () => desk.broker.depths()),
    desk.hear('outbox', () => readOutbox(desk.db)),
    desk.hear('waits', () => readWaits(desk.db)),
  ])
  return {
    broker: depths.state,
    database: outbox.state,
    items: QUEUES.map(queue => ({
      queue,
      ...heldBy(desk, queue, depths.value),
      ...workOn(desk, queue),
      inPerSecond: desk.trend.last(queue)?.inPerSecond ?? null,
      outPerSecond: desk.trend.last(queue)?.outPerSecond ?? null,
      waitedMs: waits.value?.get(queue) ?? null,
    })),
    outbox: outbox.value ?? null,
  }
}

function heldBy({ trend }: Desk, queue: string, depths: QueueDepth[] | undefined) {
  const depth = depths?.find(one => one.queue === queue)
  return {
    ready: depth?.ready ?? null,
    unacknowledged: depth?.unacknowledged ?? null,
    delayed: depth?.delayed ?? null,
    parked: depth?.parked ?? null,
    // What came since the last look was not there then.
    oldestMs: depth?.ready ? (trend.oldest(queue) ?? 0) : null,
  }
}

function workOn({ floor }: Desk, queue: string) {
  const alive = floor.workers().filter(({ state }) => state === 'running')
  const pools = alive.flatMap(({ last }) => last.queues.filter(pool => pool.queue === queue))
  return {
    consumers: pools.length,
    slots: pools.reduce((sum, pool) => sum + pool.slots, 0),
    active: pools.reduce((sum, pool) => sum + pool.active, 0),
  }
}

async function readOutbox(db: Queryable): Promise<Outbox> {
  const [row] = await db.query<Outbox>(
    `select (select count(*) from (select from outbox limit 100000) counted) waiting,
       (select greatest(0, round(extract(epoch from now() - created_at)))::integer from outbox order by id limit 1)
         "oldestSeconds"`,
  )
  return row as Outbox
}

async function readWaits(db: Queryable): Promise<Map<string, number | null>> {
  const rows = await db.query<{ queue: string; waitedMs: number | null }>(
    `select queue, max(wait_ms) "waitedMs" from task_history
     where id >= uuid_at(now() - interval '1 minute') group by queue`,
  )
  return new Map(rows.map(row => [row.queue, row.waitedMs]))
}
