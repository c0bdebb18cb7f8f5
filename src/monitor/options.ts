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
}

export interface MonitorOptions {
  config: Config
  broker: Broker
  fanout: Fanout
  /** May be away: what it would tell is missing then. */
  db: Database
  shelf?: Shelf | undefined
  deliveries: DeliveryParking
  clock: Clock
  version: string
  log: Log
}
