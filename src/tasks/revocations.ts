import type { Queryable } from '../db/index.ts'

/** Tasks that a worker refuses when they arrive. */
export interface Revocations {
  has(id: string): boolean
  add(ids: readonly string[]): void
  stop(): void
}

/** How many a worker remembers, the newest; and how many it reads at a time. */
const MOST = 10_000
const LOOK_MS = 30_000
/** Older ones concern no message that is still on its way. */
const KEPT = "interval '7 days'"

/** Writes that tasks are to be refused, for the workers of now and later. */
export async function persistRevocations(db: Queryable, ids: readonly string[], by: string): Promise<void> {
  await db.query(
    `insert into task_revocations (task_id, revoked_by) select id, $2 from unnest($1::uuid[]) id
     on conflict (task_id) do update set revoked_at = now(), revoked_by = excluded.revoked_by`,
    [ids, by],
  )
}

/** Forgets revocations of a week ago; returns how many. For the scheduler. */
export async function forgetRevocations(db: Queryable): Promise<number> {
  const rows = await db.query(
    `delete from task_revocations where task_id in (
       select task_id from task_revocations where revoked_at < now() - ${KEPT} limit 10000) returning 1`,
  )
  return rows.length
}

/**
 * Remembers which tasks are refused: from the fan-out at once, and from PostgreSQL at the start and every half minute, for
 * what was not heard. No task costs a query. Resolves after the first look; a database that is away does not hold a worker
 * up.
 */
export async function openRevocations(options: {
  db?: Queryable | undefined
  onError: (error: unknown) => void
  lookMs?: number
}): Promise<Revocations> {
  const { db, onError } = options
  const ids = new Set<string>()

  function add(more: readonly string[]): void {
    for (const id of more) {
      ids.delete(id)
      ids.add(id)
    }
    for (const id of ids) {
      if (ids.size <= MOST) break
      ids.delete(id)
    }
  }

  async function look(since: string): Promise<void> {
    if (!db) return
    try {
      const rows = await db.query<{ task_id: string }>(
        `select task_id from task_revocations where revoked_at > now() - ${since} order by revoked_at desc limit ${MOST}`,
      )
      add(rows.map(row => row.task_id).reverse())
    } catch (error) {
      onError(error)
    }
  }

  await look(KEPT)
  // Twice the time between looks, and more for a transaction that was long.
  const timer = setInterval(() => void look("interval '10 minutes'"), options.lookMs ?? LOOK_MS)
  timer.unref()
  return { has: id => ids.has(id), add, stop: () => clearInterval(timer) }
}
