import type { Queryable } from '../../../db/index.ts'
import { REASONS, TOTALS } from './broadcast-sql.ts'

/** Moves a broadcast from one of some states to another; false when it is in none of them. */
export async function changeState(
  db: Queryable,
  id: string,
  from: readonly string[],
  to: string,
  stopReason: string | null,
): Promise<boolean> {
  const rows = await db.query(
    `update broadcasts set state = $3, stop_reason = $4
     where id = $1 and state = any($2::text[]) and finished_at is null returning 1`,
    [id, from, to, stopReason],
  )
  return rows.length === 1
}

/** Lets a broadcast run again whose time is not over; its speed rises anew. */
export async function restartBroadcast(
  db: Queryable,
  id: string,
  from: readonly string[],
  now: number,
): Promise<boolean> {
  const rows = await db.query(
    `update broadcasts set state = 'running', stop_reason = null, ramp_from = $3
     where id = $1 and state = any($2::text[]) and finished_at is null and expires_at > $3 returning 1`,
    [id, from, new Date(now)],
  )
  return rows.length === 1
}

/** Ends a broadcast whose devices are all accounted for, and writes its report; true when this call did. */
export async function finishBroadcast(db: Queryable, id: string, now: number): Promise<boolean> {
  const rows = await db.query(
    `update broadcasts b set state = case state when 'running' then 'done' else state end, finished_at = $2,
       report = (select to_jsonb(t) - 'open' - 'recent' from (${TOTALS}) t) || jsonb_build_object('reasons', (${REASONS}))
     where id = $1 and finished_at is null and planned and state in ('running', 'cancelled', 'stopped')
       and not exists (select from deliveries where broadcast_id = $1 and state in ('pending', 'parked')) returning 1`,
    [id, new Date(now)],
  )
  return rows.length === 1
}

/** How a broadcast ends before its end, and what its devices count as that were not sent to. */
export interface End {
  state: 'cancelled' | 'stopped'
  outcome: 'suppressed' | 'refused' | 'expired'
  reason: string
}

/**
 * Ends a broadcast early: it is planned no further, and devices that nobody is sending to at this moment are accounted
 * for, those without a chunk in a unit of their own (`restId`). False when it was not under way.
 */
export async function endBroadcast(
  tx: Queryable,
  id: string,
  end: End,
  restId: string,
  now: number,
): Promise<boolean> {
  const ended = await tx.query(
    `update broadcasts set state = $2, stop_reason = coalesce($3, stop_reason)
     where id = $1 and finished_at is null and state in ('draft', 'awaiting-approval', 'scheduled', 'running', 'paused', 'stopped')
     returning 1`,
    [id, end.state, end.state === 'stopped' ? end.reason : null],
  )
  if (ended.length === 0) return false
  await closeUnits(tx, id, end.outcome, end.reason, `'pending', 'parked'`, now)
  await tx.query(
    `with rest as (
       select greatest(0, b.devices - coalesce((select sum(size) from deliveries where broadcast_id = b.id and devices is null), 0)) devices
       from broadcasts b where b.id = $1 and not b.planned
     ),
     closing as (
       insert into deliveries (id, broadcast_id, queue, state, size, ${end.outcome}, reasons, due_at, finished_at)
       select $2, $1, 'low_priority', 'done', devices, devices, jsonb_build_object($3::text, devices), $4, $4 from rest where devices > 0
     )
     update broadcasts set planned = true where id = $1`,
    [id, restId, end.reason, new Date(now)],
  )
  return true
}

/** Accounts for the units of a broadcast that nobody holds: what may have arrived is ambiguous, the rest `outcome`. */
export async function closeUnits(
  db: Queryable,
  broadcastId: string,
  outcome: 'suppressed' | 'refused' | 'expired',
  reason: string,
  states: `'parked'` | `'pending', 'parked'`,
  now: number,
): Promise<void> {
  await db.query(
    `update deliveries set state = 'done', finished_at = $2, lease_until = null, ambiguous = unsure,
       ${outcome} = coalesce(size, 0) - unsure, reasons = jsonb_build_object($3::text, coalesce(size, 0))
     where broadcast_id = $1 and state in (${states}) and (lease_until is null or lease_until <= $2)`,
    [broadcastId, new Date(now), reason],
  )
}
