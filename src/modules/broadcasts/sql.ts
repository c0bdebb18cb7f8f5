import type { Queryable } from '../../db/index.ts'
import type { Priority } from '../../tasks/index.ts'
import type { Audience, Content } from '../notifications/index.ts'
import type { State } from './schema.ts'

/**
 * The database's own time, to the millisecond and never before what is committed: who is in an audience is decided by
 * comparing it with times that the database wrote.
 */
export async function databaseNow(db: Queryable): Promise<Date> {
  const [row] = await db.query<{ now: Date }>(
    "select date_trunc('milliseconds', clock_timestamp()) + interval '1 millisecond' now",
  )
  return (row as { now: Date }).now
}

export interface BroadcastRow {
  id: string
  state: State
  audience: Audience
  content: Content
  priority: Priority
  customers: number
  rateLimit: number | null
  respectQuietHours: boolean
  createdBy: string
  approvedBy: string | null
  createdAt: Date
  scheduledAt: Date | null
  startedAt: Date | null
  finishedAt: Date | null
  expiresAt: Date
}

export async function insertBroadcast(
  db: Queryable,
  row: Omit<BroadcastRow, 'createdAt' | 'startedAt' | 'finishedAt' | 'approvedBy'> & {
    devices: number
    agencyId: number | null
  },
): Promise<void> {
  await db.query(
    `insert into broadcasts (id, state, audience, content, priority, rate_per_second, respect_quiet_hours, scheduled_at,
       expires_at, created_by, agency_id, customers, devices)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
    [
      row.id,
      row.state,
      JSON.stringify(row.audience),
      JSON.stringify(row.content),
      row.priority,
      row.rateLimit,
      row.respectQuietHours,
      row.scheduledAt,
      row.expiresAt,
      row.createdBy,
      row.agencyId,
      row.customers,
      row.devices,
    ],
  )
}

/** Sets one that was not started going, with its reach as it is at this instant; `now` is the clock's. */
export async function updateStarted(
  db: Queryable,
  id: string,
  startedAt: Date,
  reach: { customers: number; devices: number },
  now: Date,
): Promise<void> {
  await db.query(
    `update broadcasts set state = 'running', started_at = $2, customers = $3, devices = $4, ramp_from = $5 where id = $1`,
    [id, startedAt, reach.customers, reach.devices, now],
  )
}

export async function updateApproved(db: Queryable, id: string, approvedBy: string, at: Date): Promise<void> {
  await db.query(
    `update broadcasts set state = 'scheduled', approved_by = $2, approved_at = $3, scheduled_at = coalesce(scheduled_at, $3)
     where id = $1`,
    [id, approvedBy, at],
  )
}

/** Limits one that is not over to another rate; null lifts the limit. False when it is over. */
export async function updateRate(db: Queryable, id: string, rate: number | null): Promise<boolean> {
  const rows = await db.query(
    `update broadcasts set rate_per_second = $2
     where id = $1 and finished_at is null and state not in ('cancelled', 'done') returning 1`,
    [id, rate],
  )
  return rows.length === 1
}

const COLUMNS = `id, state, audience, content, priority, customers, rate_per_second "rateLimit",
  respect_quiet_hours "respectQuietHours", created_by "createdBy", approved_by "approvedBy", created_at "createdAt",
  scheduled_at "scheduledAt", started_at "startedAt", finished_at "finishedAt", expires_at "expiresAt"`

/** One in a state, for as long as the transaction lasts; undefined when it is in another, or another process has it. */
export async function lockBroadcast(
  db: Queryable,
  id: string,
  state: State,
): Promise<BroadcastRow | undefined> {
  const [row] = await db.query<BroadcastRow>(
    `select ${COLUMNS} from broadcasts where id = $1 and state = $2 for update skip locked`,
    [id, state],
  )
  return row
}

/** `agencyId` null: whoever's. */
export async function selectBroadcast(
  db: Queryable,
  id: string,
  agencyId: number | null,
): Promise<BroadcastRow | undefined> {
  const [row] = await db.query<BroadcastRow>(
    `select ${COLUMNS} from broadcasts where id = $1 and ($2::integer is null or agency_id = $2)`,
    [id, agencyId],
  )
  return row
}

/** Newest first: ids are in order of time. */
export async function selectBroadcasts(
  db: Queryable,
  agencyId: number | null,
  before: string | null,
  limit: number,
): Promise<BroadcastRow[]> {
  return db.query(
    `select ${COLUMNS} from broadcasts
     where ($1::integer is null or agency_id = $1) and id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
     order by id desc limit $3`,
    [agencyId, before, limit],
  )
}

interface Open {
  id: string
  state: State
  stopReason: string | null
  expiresAt: Date
}

/** Under way, or cancelled with devices still to be accounted for; by id, after one. */
export const selectOpen = (db: Queryable, after: string, limit: number): Promise<Open[]> =>
  db.query(
    `select id, state, stop_reason "stopReason", expires_at "expiresAt" from broadcasts
     where finished_at is null and state in ('running', 'cancelled') and id > $1 order by id limit $2`,
    [after, limit],
  )

/** Waiting for their time, which has come; none in a database that was just restored. */
export async function selectDue(db: Queryable, now: Date, limit: number): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `select id from broadcasts where finished_at is null and state = 'scheduled' and scheduled_at <= $1 and expires_at > $1
       and (select delivery_is_open())
     order by scheduled_at limit $2`,
    [now, limit],
  )
  return rows.map(row => row.id)
}

/** Waiting for a person, or for a scheduler that was away, beyond their time. */
export const selectOverdue = (db: Queryable, now: Date, limit: number): Promise<Open[]> =>
  db.query(
    `select id, state, stop_reason "stopReason", expires_at "expiresAt" from broadcasts
     where finished_at is null and state in ('awaiting-approval', 'scheduled', 'paused', 'stopped') and expires_at <= $1
     order by id limit $2`,
    [now, limit],
  )
