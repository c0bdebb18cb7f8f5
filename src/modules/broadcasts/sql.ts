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

/** How many of these agencies exist. */
export async function selectAgencies(db: Queryable, ids: readonly number[]): Promise<number> {
  const rows = await db.query('select 1 from agencies where id = any($1::integer[])', [ids])
  return rows.length
}

/** Meters of a number, at whatever point of connection; of one agency, or of all for null. */
export async function selectMeters(
  db: Queryable,
  number: string,
  account: string,
  agencyId: number | null,
): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `select id from meters where (kind, number) in (('prepaid', $1), ('postpaid', $2))
       and ($3::integer is null or agency_id = $3) limit 1000`,
    [number, account, agencyId],
  )
  return rows.map(row => row.id)
}

/** How many of these are customers; for an agency, those with an active link there. */
export async function selectCustomers(
  db: Queryable,
  ids: readonly string[],
  agencyId: number | null,
): Promise<number> {
  const rows = await db.query(
    `select 1 from accounts a where id = any($1::uuid[]) and role = 'customer' and ($2::integer is null or exists (
       select from meter_links l where l.customer_id = a.id and l.agency_id = $2 and l.status = 'active'))`,
    [ids, agencyId],
  )
  return rows.length
}

export interface BroadcastRow {
  id: string
  audience: Audience
  content: Content
  priority: Priority
  customers: number
  createdBy: string
  createdAt: Date
  startedAt: Date | null
  finishedAt: Date | null
  expiresAt: Date
}

export async function insertBroadcast(
  db: Queryable,
  row: Omit<BroadcastRow, 'createdAt' | 'finishedAt'> & {
    state: State
    devices: number
    agencyId: number | null
  },
): Promise<void> {
  await db.query(
    `insert into broadcasts (id, state, audience, content, priority, expires_at, created_by, agency_id, started_at, customers, devices)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      row.id,
      row.state,
      JSON.stringify(row.audience),
      JSON.stringify(row.content),
      row.priority,
      row.expiresAt,
      row.createdBy,
      row.agencyId,
      row.startedAt,
      row.customers,
      row.devices,
    ],
  )
}

const COLUMNS = `id, audience, content, priority, customers, created_by "createdBy", created_at "createdAt",
  started_at "startedAt", finished_at "finishedAt", expires_at "expiresAt"`

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

/** Under way, or ended early with devices still to be accounted for. */
export async function selectOpen(db: Queryable, limit: number): Promise<{ id: string; expiresAt: Date }[]> {
  return db.query(
    `select id, expires_at "expiresAt" from broadcasts
     where finished_at is null and state in ('running', 'cancelled', 'stopped') order by id limit $1`,
    [limit],
  )
}
