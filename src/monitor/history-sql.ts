import type { Queryable } from '../db/index.ts'

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
  startedAt: Date | null
  finishedAt: Date
  runMs: number | null
  waitMs: number | null
  error: string | null
  resentAt: Date | null
}

export interface Filter {
  state?: readonly string[] | undefined
  queue?: string | undefined
  name?: string | undefined
  worker?: string | undefined
  /** ISO instants of the end: from (included) to (excluded). */
  from?: string | undefined
  to?: string | undefined
}

const COLUMNS = `h.id, h.task_id "taskId", h.task name, h.queue, h.worker, h.state, h.attempt, h.replay_of "replayOf",
  h.request_id "requestId", h.queued_at "queuedAt", h.started_at "startedAt", h.finished_at "finishedAt",
  h.run_ms "runMs", h.wait_ms "waitMs", h.error, h.resent_at "resentAt"`

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
  return all
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
export const readAttempts = (db: Queryable, taskId: string): Promise<Attempt[]> =>
  db.query(`select ${COLUMNS} from task_history h where h.task_id = $1 order by h.id limit 100`, [taskId])

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
export async function readWaiting(db: Queryable, filter: Filter, limit: number): Promise<string[]> {
  const values: unknown[] = [limit]
  const all = conditions({ ...filter, state: ['retried'] }, values)
  const rows = await db.query<{ taskId: string }>(
    `select h.task_id "taskId" from task_history h
     where ${all.join(' and ')} and h.id >= uuid_at(now() - interval '1 hour') and ${IS_LAST}
     order by h.id desc limit $1`,
    values,
  )
  return rows.map(row => row.taskId)
}

const IS_LAST =
  'not exists (select from task_history later where later.task_id = h.task_id and later.id > h.id)'

/** A task that ended without success and may be sent again. */
export interface Resendable {
  id: string
  taskId: string
  name: string
  queue: string
  payload: unknown
  requestId: string | null
}

/** Tasks whose last attempt was put aside or refused, and which nobody sent again; locked against another who would. */
export async function takeResendable(
  db: Queryable,
  filter: Filter & { taskIds?: readonly string[] | undefined },
  limit: number,
): Promise<Resendable[]> {
  const values: unknown[] = [limit]
  const all = conditions(filter, values)
  if (filter.taskIds) all.push(`h.task_id = any($${values.push(filter.taskIds)}::uuid[])`)
  return db.query(
    `select h.id, h.task_id "taskId", h.task name, h.queue, h.payload, h.request_id "requestId" from task_history h
     where ${[...all, `h.state in ('parked', 'revoked')`, `h.state <> 'succeeded'`].join(' and ')}
       and h.resent_at is null and ${IS_LAST}
     order by h.id limit $1 for update of h skip locked`,
    values,
  )
}

export const markResent = (db: Queryable, ids: readonly string[]): Promise<unknown> =>
  db.query('update task_history set resent_at = now() where id = any($1::uuid[])', [ids])
