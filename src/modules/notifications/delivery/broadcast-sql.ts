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
  /** Until its end at that rate; null when it does not move, or nothing is left. */
  secondsLeft: number | null
  reasons: Record<string, number>
}

/** Sums over the units of a broadcast `b`, at $2. */
export const TOTALS = `select coalesce(sum(sent), 0) sent, coalesce(sum(unregistered), 0) unregistered, coalesce(sum(refused), 0) refused,
    coalesce(sum(suppressed), 0) suppressed, coalesce(sum(expired), 0) expired, coalesce(sum(ambiguous), 0) ambiguous,
    coalesce(sum(size) filter (where state <> 'done'), 0) open,
    coalesce(sum(sent + unregistered + refused + suppressed + expired + ambiguous) filter (where finished_at > $2::timestamptz - interval '5 seconds'), 0) recent
  from deliveries where broadcast_id = b.id and b.report is null`

export const REASONS = `select coalesce(jsonb_object_agg(why, n), '{}') from (
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
  return { id, state, stopReason, counts, ratePerSecond: 0, secondsLeft: null, reasons }
}

function underWay(row: Totals): Progress {
  const { id, state, stopReason, sent, unregistered, refused, suppressed, expired, ambiguous } = row
  const outcomes = { sent, unregistered, refused, suppressed, expired, ambiguous }
  const accounted = sumOf(outcomes)
  // Who is not planned yet is pending too, as counted at the start; who registered since may make it more.
  const pending = Math.max(row.open, row.devices - accounted)
  const perSecond = row.recent / row.seconds
  return {
    id,
    state,
    stopReason,
    counts: { devices: accounted + pending, ...outcomes, pending },
    ratePerSecond: Math.round(perSecond),
    secondsLeft: state === 'running' && perSecond > 0 && pending > 0 ? Math.ceil(pending / perSecond) : null,
    reasons: row.reasons,
  }
}
