import type { Queryable } from '../../../db/index.ts'
import type { Queue } from '../../../tasks/index.ts'
import { LEASE_MS } from './units-sql.ts'

/** A unit that was put aside: it counts as pending until a person sends it again or its time is over. */
export interface ParkedDelivery {
  id: string
  notificationId: string | null
  broadcastId: string | null
  queue: Queue
  /** Devices that it was planned for, when that is known. */
  size: number | null
  reason: string
  parkedAt: Date
}

/** Units that were put aside, the oldest first, and how many there are in all, counted no further than 10,000. */
export async function parkedDeliveries(
  db: Queryable,
  limit: number,
): Promise<{ items: ParkedDelivery[]; total: number }> {
  const items = await db.query<ParkedDelivery>(
    `select id, notification_id "notificationId", broadcast_id "broadcastId", queue, size,
       coalesce((select min(reason) from jsonb_object_keys(reasons) reason), 'unknown') reason,
       republish_at - make_interval(secs => $2) "parkedAt"
     from deliveries where state = 'parked' order by id limit $1`,
    [limit, LEASE_MS / 1_000],
  )
  const [count] = await db.query<{ total: number }>(
    "select count(*) total from (select from deliveries where state = 'parked' limit 10000) parked",
  )
  return { items, total: count?.total ?? 0 }
}

/**
 * Makes units that were put aside pending again, as if nobody had taken them yet: the next sweep publishes them. Returns
 * the ids of those that were still parked.
 */
export async function replayDeliveries(
  db: Queryable,
  ids: readonly string[],
  now: number,
): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `update deliveries set state = 'pending', takes = 0, reasons = '{}', lease_until = null, due_at = $2, republish_at = $2
     where id = any($1::uuid[]) and state = 'parked' returning id`,
    [ids, new Date(now)],
  )
  return rows.map(row => row.id)
}
