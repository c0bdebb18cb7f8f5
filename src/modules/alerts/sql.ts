import type { Queryable } from '../../db/index.ts'

/** How far a watcher has come. */
export interface Mark {
  /** The newest that it saw, in the time of the system that it follows. */
  at: Date
  /** When it last had looked at all that there was. */
  lookedAt: Date
}

/** The mark of a watcher; one that never looked begins at `now`, and tells nothing of what was before. */
export async function markOf(db: Queryable, watcher: string, now: Date): Promise<Mark> {
  const [mark] = await db.query<Mark>('select at, looked_at "lookedAt" from watermarks where watcher = $1', [
    watcher,
  ])
  if (mark) return mark
  await db.query(
    'insert into watermarks (watcher, at, looked_at) values ($1, $2, $2) on conflict (watcher) do nothing',
    [watcher, now],
  )
  return { at: now, lookedAt: now }
}

/** Moves a mark on, never back; `lookedAt` when all was looked at that there was then. */
export async function moveMark(
  db: Queryable,
  watcher: string,
  at: Date | null,
  lookedAt: Date | null,
): Promise<void> {
  await db.query(
    `update watermarks set at = greatest(at, $2), looked_at = greatest(looked_at, $3) where watcher = $1`,
    [watcher, at, lookedAt],
  )
}

/** Notes top-ups as found; gives the ids of those that nobody had found yet. */
export async function noteFound(
  db: Queryable,
  topups: readonly { id: string; at: Date }[],
): Promise<Set<string>> {
  const rows = await db.query<{ id: string }>(
    `insert into found_topups (id, at) select * from unnest($1::text[], $2::timestamptz[])
     on conflict (id) do nothing returning id`,
    [topups.map(({ id }) => id), topups.map(({ at }) => at)],
  )
  return new Set(rows.map(({ id }) => id))
}

/** Forgets what was found so long before the mark that no look comes back to it. */
export async function forgetFoundBefore(db: Queryable, watcher: string, ms: number): Promise<void> {
  await db.query(
    `delete from found_topups where at < (select at from watermarks where watcher = $1) - make_interval(secs => $2)`,
    [watcher, ms / 1_000],
  )
}
