import type { Queryable } from '../db/index.ts'
import { UUID } from '../lib/cursor.ts'

/** How an attempt at a task ended. */
export interface Attempt {
  id: string
  taskId: string
  name: string
  queue: string
  worker: string
  state: 'succeeded' | 'retried' | 'parked' | 'revoked' | 'interrupted'
  attempt: number
  replayOf: string | null
  requestId: string | null
  queuedAt: Date | null
  publishedAt: Date | null
  startedAt: Date | null
  finishedAt: Date
  runMs: number | null
  waitMs: number | null
  error: string | null
  resentAt: Date | null
  discardedAt: Date | null
}

export interface Filter {
  state?: readonly string[] | undefined
  queue?: string | undefined
  name?: string | undefined
  worker?: string | undefined
  /** ISO instants of the end: from (included) to (excluded). */
  from?: string | undefined
  to?: string | undefined
  /** Text in the arguments or the error of what did not succeed; or an id, of a task or of the request that caused it. */
  search?: string | undefined
}

const COLUMNS = `h.id, h.task_id "taskId", h.task name, h.queue, h.worker, h.state, h.attempt, h.replay_of "replayOf",
  h.request_id "requestId", h.queued_at "queuedAt", h.published_at "publishedAt", h.started_at "startedAt", h.finished_at "finishedAt",
  h.run_ms "runMs", h.wait_ms "waitMs", h.error, h.resent_at "resentAt", h.discarded_at "discardedAt"`

/** Conditions of a filter on `h`, their values after those given. */
function conditions(filter: Filter, values: unknown[]): string[] {
  const all: string[] = []
  const add = (sql: (place: string) => string, value: unknown) => {
    if (value !== undefined) all.push(sql(`$${values.push(value)}`))
  }
  add(place => `h.state = any(${place}::text[])`, filter.state)
  // What did not succeed has an index of its own.
  if (filter.state && !filter.state.includes('succeeded')) all.push(`h.state <> 'succeeded'`)
  add(place => `h.queue = ${place}`, filter.queue)
  add(place => `h.task = ${place}`, filter.name)
  add(place => `h.worker = ${place}`, filter.worker)
  add(place => `h.id >= ${place}::uuid`, filter.from && lowestId(filter.from))
  add(place => `h.id < ${place}::uuid`, filter.to && lowestId(filter.to))
  if (filter.search !== undefined) all.push(...searching(filter.search, values))
  return all
}

/** Text is looked for in so many of the newest that did not succeed: a bound on what a search costs. */
const MOST_SEARCHED = 100_000

/** Arguments are kept of what did not succeed alone, which has an index of its own. */
function searching(search: string, values: unknown[]): string[] {
  if (UUID.test(search.toLowerCase())) return [`h.task_id = $${values.push(search)}::uuid`]
  const like = `$${values.push(`%${search.replace(/[\\%_]/g, '\\$&')}%`)}`
  const id = `$${values.push(search)}`
  return [
    `h.state <> 'succeeded'`,
    `h.id > coalesce((select w.id from task_history w where w.state <> 'succeeded'
       order by w.id desc offset ${MOST_SEARCHED} limit 1), '00000000-0000-0000-0000-000000000000')`,
    `(h.payload::text ilike ${like} or h.error ilike ${like} or h.request_id = ${id})`,
  ]
}

/** The lowest UUID version 7 of an instant; of one before 1970 or after 10889 the nearest that there is. */
function lowestId(instant: string): string {
  const ms = Math.min(2 ** 48 - 1, Math.max(0, Date.parse(instant) || 0))
  const hex = ms.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}

/** Attempts that ended, the newest first, before the id given. */
export async function readHistory(
  db: Queryable,
  filter: Filter,
  before: string | undefined,
  limit: number,
): Promise<Attempt[]> {
  const values: unknown[] = [limit]
  const all = conditions(filter, values)
  if (before !== undefined) all.push(`h.id < $${values.push(before)}::uuid`)
  return db.query(
    `select ${COLUMNS} from task_history h ${all.length > 0 ? `where ${all.join(' and ')}` : ''}
     order by h.id desc limit $1`,
    values,
  )
}

/** Every attempt at a task, the oldest first; at most 100. */
export const readAttempts = (db: Queryable, taskId: string): Promise<(Attempt & { payload: unknown })[]> =>
  db.query(`select ${COLUMNS}, h.payload from task_history h where h.task_id = $1 order by h.id limit 100`, [
    taskId,
  ])

/** What was done by the request that caused a task, about the time at which it was accepted; at most 10 acts. */
export const readCause = (
  db: Queryable,
  requestId: string,
  at: Date,
): Promise<{ role: string | null; accountId: string | null; action: string; at: Date }[]> =>
  db.query(
    `select actor_role role, actor_id "accountId", action, at from audit
     where request_id = $1 and id >= uuid_at($2::timestamptz - interval '1 hour')
       and id < uuid_at($2::timestamptz + interval '1 minute')
     order by id limit 10`,
    [requestId, at],
  )

/** Of these tasks, those that are revoked already. */
export async function readRevoked(db: Queryable, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const rows = await db.query<{ id: string }>(
    'select task_id id from task_revocations where task_id = any($1::uuid[])',
    [ids],
  )
  return new Set(rows.map(row => row.id))
}

export const readRevocation = async (
  db: Queryable,
  taskId: string,
): Promise<{ by: string; at: Date } | null> => {
  const [row] = await db.query<{ by: string; at: Date }>(
    'select revoked_by "by", revoked_at at from task_revocations where task_id = $1',
    [taskId],
  )
  return row ?? null
}

/** Tasks that wait for another attempt: their last one failed, within the time that a retry takes at most. */
export async function readWaiting(db: Queryable, filter: Filter, limit: number): Promise<Attempt[]> {
  const values: unknown[] = [limit]
  const all = conditions({ ...filter, state: ['retried'] }, values)
  return db.query(
    `select ${COLUMNS} from task_history h
     where ${all.join(' and ')} and h.id >= uuid_at(now() - interval '1 hour') and ${IS_LAST}
       and not exists (select from task_revocations revoked where revoked.task_id = h.task_id)
     order by h.id desc limit $1`,
    values,
  )
}

const IS_LAST =
  'not exists (select from task_history later where later.task_id = h.task_id and later.id > h.id)'

/** A task that ended without success and may be sent again. */
export interface Resendable {
  id: string
  taskId: string
  state: 'parked' | 'revoked'
  name: string
  queue: string
  payload: unknown
  requestId: string | null
}

export interface ResendFilter extends Filter {
  taskIds?: readonly string[] | undefined
  /** Row of the history: only what ended later. */
  after?: string | undefined
}

/** Tasks whose last attempt was put aside or refused, and which nobody sent again; locked against another who would. */
export async function takeResendable(
  db: Queryable,
  filter: ResendFilter,
  limit: number,
): Promise<Resendable[]> {
  const values: unknown[] = [limit]
  return db.query(
    `select h.id, h.task_id "taskId", h.state, h.task name, h.queue, h.payload, h.request_id "requestId"
     from task_history h
     where ${resendable(filter, values)} order by h.id limit $1 for update of h skip locked`,
    values,
  )
}

function resendable(filter: ResendFilter, values: unknown[]): string {
  const all = conditions(filter, values)
  if (filter.taskIds) all.push(`h.task_id = any($${values.push(filter.taskIds)}::uuid[])`)
  if (filter.after) all.push(`h.id > $${values.push(filter.after)}::uuid`)
  all.push(`h.state in ('parked', 'revoked')`, `h.state <> 'succeeded'`, IS_OPEN, IS_LAST)
  return all.join(' and ')
}

const IS_OPEN = 'h.resent_at is null and h.discarded_at is null'

/** How many `takeResendable` would find in all, counted no further than `most`. */
export async function countResendable(db: Queryable, filter: Filter, most: number): Promise<number> {
  const values: unknown[] = [most]
  const [row] = await db.query<{ count: number }>(
    `select count(*)::integer count from (select from task_history h where ${resendable(filter, values)} limit $1) counted`,
    values,
  )
  return row?.count ?? 0
}

/** A task as its history was when a person acted on it. */
export interface Taken {
  taskId: string
  /** Its last row then. */
  id: string
}

/** Tasks as their history is now; what is not of our making has no id of ours, and no history. */
export async function readTaken(db: Queryable, taskIds: readonly string[]): Promise<Taken[]> {
  const own = taskIds.filter(id => UUID.test(id))
  if (own.length === 0) return []
  return db.query(
    `select h.task_id "taskId", max(h.id::text)::uuid id from task_history h
     where h.task_id = any($1::uuid[]) group by h.task_id`,
    [own],
  )
}

/**
 * Notes of tasks that a person sent them again, or discarded what was put aside of them. A task that was sent may be put
 * aside anew before this is written: that row says nothing of it.
 */
export async function markTasks(
  db: Queryable,
  taken: readonly Taken[],
  what: 'resent' | 'discarded',
): Promise<void> {
  if (taken.length === 0) return
  await db.query(
    `update task_history h set ${what}_at = now()
     from unnest($1::uuid[], $2::uuid[]) as taken(task_id, id)
     where h.task_id = taken.task_id and h.id <= taken.id and h.state in ('parked', 'revoked') and ${IS_OPEN}`,
    [taken.map(one => one.taskId), taken.map(one => one.id)],
  )
}
