import type { Queryable } from '../../db/index.ts'
import type { State } from './schema.ts'

/** Broadcasts whose progress is told together, at most; more are hardly ever under way. */
const MOST = 50

/** How many are in each state that is not over, and which are under way. */
export async function openBroadcasts(
  db: Queryable,
): Promise<{ byState: { state: State; count: number }[]; underWay: string[] }> {
  const rows = await db.query<{ state: State; count: number; ids: string[] }>(
    `select state, count(*) count, (array_agg(id order by id))[1:$1] ids from broadcasts
     where finished_at is null group by state`,
    [MOST],
  )
  const underWay = rows.filter(({ state }) => state === 'running' || state === 'paused')
  return { byState: rows, underWay: underWay.flatMap(({ ids }) => ids) }
}
