import type { Queryable } from '../../../db/index.ts'
import type { Outcome } from './tally.ts'

/** What is known of a broadcast's devices so far. */
export interface Progress {
  id: string
  state: string
  stopReason: string | null
  counts: { devices: number; pending: number } & Record<Outcome, number>
  /** Devices accounted for per second, of late. */
  ratePerSecond: number
  reasons: Record<string, number>
}

/** Sums over the units of a broadcast `b`. */
const TOTALS = `select coalesce(sum(sent), 0) sent, coalesce(sum(unregistered), 0) unregistered, coalesce(sum(refused), 0) refused,
    coalesce(sum(suppressed), 0) suppressed, coalesce(sum(expired), 0) expired, coalesce(sum(ambiguous), 0) ambiguous,
    coalesce(sum(size) filter (where state <> 'done'), 0) open,
    coalesce(sum(sent + unregistered + refused + suppressed + expired + ambiguous) filter (where finished_at > $2::timestamptz - interval '5 seconds'), 0) recent
  from deliveries where broadcast_id = b.id and b.report is null`

const REASONS = `select coalesce(jsonb_object_agg(why, n), '{}') from (
    select why, sum(many::bigint) n from deliveries u cross join jsonb_each_text(u.reasons) r (why, many)
    where u.broadcast_id = b.id and u.state = 'done' group by why) r`

interface Totals extends Record<Outcome, number> {
  id: string
  state: string
  stopReason: string | null
  devices: number
  open: number
  recent: number
  seconds: number
  report: (Record<Outcome, number> & { reasons: Record<string, number> }) | null
  reasons: Record<string, number>
}

/** How far broadcasts are; of those that are over, their report. */
export async function progressOf(
  db: Queryable,
  ids: readonly string[],
  now: number,
): Promise<Map<string, Progress>> {
  const rows = await db.query<Totals>(
    `select b.id, b.state, b.stop_reason "stopReason", b.devices, b.report, t.*,
       least(5, greatest(1, extract(epoch from $2::timestamptz - b.started_at)))::float8 seconds,
       case when b.report is null then (${REASONS}) end reasons
     from broadcasts b cross join lateral (${TOTALS}) t
     where b.id = any($1::uuid[])`,
    [ids, new Date(now)],
  )
  return new Map(rows.map(row => [row.id, row.report ? reported(row, row.report) : underWay(row)]))
}

const sumOf = ({ sent, unregistered, refused, suppressed, expired, ambiguous }: Record<Outcome, number>) =>
  sent + unregistered + refused + suppressed + expired + ambiguous

function reported({ id, state, stopReason }: Totals, report: NonNullable<Totals['report']>): Progress {
  const { reasons, ...outcomes } = report
  const counts = { devices: sumOf(outcomes), ...outcomes, pending: 0 }
  return { id, state, stopReason, counts, ratePerSecond: 0, reasons }
}

function underWay(row: Totals): Progress {
  const { id, state, stopReason, sent, unregistered, refused, suppressed, expired, ambiguous } = row
  const outcomes = { sent, unregistered, refused, suppressed, expired, ambiguous }
  const accounted = sumOf(outcomes)
  // Who is not planned yet is pending too, as counted at the start; who registered since may make it more.
  const pending = Math.max(row.open, row.devices - accounted)
  return {
    id,
    state,
    stopReason,
    counts: { devices: accounted + pending, ...outcomes, pending },
    ratePerSecond: Math.round(row.recent / row.seconds),
    reasons: row.reasons,
  }
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
  outcome: 'suppressed' | 'refused'
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
    `update broadcasts set state = $2, stop_reason = $3
     where id = $1 and state in ('draft', 'awaiting-approval', 'scheduled', 'running', 'paused') returning 1`,
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
