import type { Queryable } from '../../db/index.ts'
import { type Progress, progressOf } from '../notifications/index.ts'
import { selectBroadcasts } from './sql.ts'

const MOST = 50

/** The newest broadcasts and how far they are, for who looks after the machinery: whom they are for is a word, no list. */
export async function watchBroadcasts(db: Queryable, now: number) {
  const rows = await selectBroadcasts(db, null, null, MOST)
  const ids = rows.map(row => row.id)
  const all = await progressOf(db, ids, now)
  const iso = (at: Date | null) => at?.toISOString() ?? null
  return rows.map(row => {
    const { state, counts, ratePerSecond, secondsLeft, reasons, stopReason } = all.get(row.id) as Progress
    return {
      id: row.id,
      state,
      title: row.content.fr.title,
      audience: row.audience.kind,
      priority: row.priority,
      counts,
      ratePerSecond,
      secondsLeft,
      reasons,
      stopReason,
      createdAt: row.createdAt.toISOString(),
      scheduledAt: iso(row.scheduledAt),
      startedAt: iso(row.startedAt),
      finishedAt: iso(row.finishedAt),
    }
  })
}
