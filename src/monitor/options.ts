import type { Fanout, Shelf } from '../cache/types.ts'
import type { Config } from '../config.ts'
import type { Database, Queryable } from '../db/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../observability/index.ts'
import type { Broker, Queue } from '../tasks/index.ts'

/** A unit of deliveries that was put aside, as the monitor shows it. */
export interface Parked {
  id: string
  notificationId: string | null
  broadcastId: string | null
  queue: Queue
  size: number | null
  reason: string
  parkedAt: Date
}

/** Where deliveries are put aside: the business's own, beside the broker's. */
export interface DeliveryParking {
  list(db: Queryable, limit: number): Promise<{ items: Parked[]; total: number }>
  /** Sends some again; returns the ids of those that were still parked. */
  replay(db: Queryable, ids: readonly string[], now: number): Promise<string[]>
  /** What waits for its time, by queue: another attempt, the end of a night. */
  due(db: Queryable, now: number): Promise<DueDeliveries[]>
}

export interface DueDeliveries {
  queue: Queue
  /** Counted no further than 10,000. */
  count: number
  first: Date
  last: Date
}

/** A message to many, as the monitor follows it. */
export interface WatchedBroadcast {
  id: string
  state: string
  title: string
  audience: string
  priority: string
  counts: Record<string, number>
  ratePerSecond: number
  secondsLeft: number | null
  reasons: Record<string, number>
  stopReason: string | null
  createdAt: string
  scheduledAt: string | null
  startedAt: string | null
  finishedAt: string | null
}

/** The newest broadcasts: what sends them is the business's. */
export type WatchBroadcasts = (db: Queryable, now: number) => Promise<WatchedBroadcast[]>

export interface MonitorOptions {
  config: Config
  broker: Broker
  fanout: Fanout
  /** May be away: what it would tell is missing then. */
  db: Database
  shelf?: Shelf | undefined
  deliveries: DeliveryParking
  broadcasts: WatchBroadcasts
  clock: Clock
  version: string
  log: Log
}
