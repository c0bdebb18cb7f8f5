import type { Database, Tx } from '../db/index.ts'
import type { Queue } from './types.ts'

/** The outbox is two tables that are written in turn; the drained one is truncated (docs/decisions/0008). */
export type Generation = 0 | 1

export interface OutboxState {
  current: Generation
  /** The other generation was truncated and is ready to be written; only a late writer can have a row in it. */
  isOtherEmpty: boolean
}

export interface OutboxRow {
  id: number
  task: string
  queue: Queue
  payload: unknown
  delay_ms: number
  request_id: string | null
  trace_parent: string | null
  created_at: string
  accepted_ms: number
}

const LOCK_NOT_AVAILABLE = '55P03'
/** Rows that are moved at a time. */
const MOVED = 5_000

export const otherThan = (generation: Generation): Generation => (generation === 0 ? 1 : 0)

export async function outboxState(db: Database): Promise<OutboxState> {
  const [state] = await db.query<OutboxState>(
    'select current, is_other_empty "isOtherEmpty" from outbox_state',
  )
  if (!state) throw new Error('The outbox has no state.')
  return state
}

/** Takes rows out of a generation, the most pressing queues first; other relays do not see them until `tx` ends. */
export const takeRows = (
  tx: Tx,
  generation: Generation,
  queues: readonly Queue[],
  limit: number,
): Promise<OutboxRow[]> =>
  tx.query(
    `delete from outbox_${generation} where ctid = any(array(
       select row.ctid from unnest($2::text[]) with ordinality pressing (queue, place), lateral (
         select ctid from outbox_${generation} where queue = pressing.queue order by id limit $1 for update skip locked
       ) row limit $1
     )) returning id, task, queue, payload, delay_ms, request_id, trace_parent, created_at::text,
       (extract(epoch from created_at) * 1000)::bigint accepted_ms`,
    [limit, queues],
  )

export async function putBack(tx: Tx, generation: Generation, rows: readonly OutboxRow[]): Promise<void> {
  await tx.query(
    `insert into outbox_${generation} (generation, id, task, queue, payload, delay_ms, request_id, trace_parent, created_at)
     select ${generation}, id, task, queue, payload, delay_ms, request_id, trace_parent, created_at
     from jsonb_to_recordset($1::jsonb) row (
       id bigint, task text, queue text, payload jsonb, delay_ms integer, request_id text, trace_parent text,
       created_at timestamptz
     )`,
    [JSON.stringify(rows)],
  )
}

/** Lets writers go over to the other generation, which must be empty; nothing when another relay was faster. */
export async function rotate(db: Database, current: Generation): Promise<void> {
  await db.query(
    'update outbox_state set current = $2, is_other_empty = false where current = $1 and is_other_empty',
    [current, otherThan(current)],
  )
}

/**
 * Truncates the generation that is no longer written, once nobody holds a row of it. Rows of `resting` queues, which
 * may stay for long, move on to the current generation. Says whether it is empty now; if not, try again later.
 */
export async function empty(db: Database, old: Generation, resting: readonly Queue[]): Promise<boolean> {
  const current = otherThan(old)
  if (resting.length > 0) {
    await db.query(
      `with moved as (
         delete from outbox_${old} where ctid = any(array(
           select ctid from outbox_${old} where queue = any($1) limit ${MOVED} for update skip locked
         )) returning *
       ) insert into outbox_${current} (generation, id, task, queue, payload, delay_ms, request_id, trace_parent, created_at)
       select ${current}, id, task, queue, payload, delay_ms, request_id, trace_parent, created_at from moved`,
      [resting],
    )
  }
  try {
    return await db.tx(async tx => {
      const state = await tx.query('select 1 from outbox_state where current = $1 for update', [current])
      if (state.length === 0) return false
      // Waits for nobody: a writer that is not finished has the lock, and who waits for ours would wait for it too.
      await tx.query(`lock table outbox_${old} in access exclusive mode nowait`)
      // What the writers before us committed is seen by this statement; those after us wait, and keep their rows.
      const rows = await tx.query(`select 1 from outbox_${old} limit 1`)
      if (rows.length > 0) return false
      await tx.query(`truncate outbox_${old}`)
      await tx.query('update outbox_state set is_other_empty = true')
      return true
    })
  } catch (error) {
    const { code } = ((error as Error).cause ?? error) as { code?: string }
    if (code === LOCK_NOT_AVAILABLE) return false
    throw error
  }
}
