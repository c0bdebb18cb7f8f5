import { decodeCursor, encodeCursor, UUID } from '../../lib/cursor.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { type Progress, progressOf } from '../notifications/index.ts'
import type { Broadcast, BroadcastQuery, State } from './schema.ts'
import { type BroadcastRow, selectBroadcast, selectBroadcasts } from './sql.ts'

export const scopeOf = ({ caller }: Ctx) => (caller.role === 'admin' ? null : caller.agencyId)

/** One broadcast as it is now; an agent sees those of their agency. */
export async function show(ctx: Ctx, id: string): Promise<Broadcast> {
  const row = await selectBroadcast(ctx.db, id, scopeOf(ctx))
  if (!row) throw new Problem('not_found')
  const progress = await progressOf(ctx.db, [id], ctx.clock.now())
  return present(row, progress)
}

/** Broadcasts, newest first. */
export async function list(ctx: Ctx, query: BroadcastQuery) {
  const { limit = 20, cursor } = query
  const before = cursor === undefined ? null : (decodeCursor(cursor, UUID)[0] as string)
  const rows = await selectBroadcasts(ctx.db, scopeOf(ctx), before, limit + 1)
  const page = rows.slice(0, limit)
  const ids = page.map(row => row.id)
  const progress = await progressOf(ctx.db, ids, ctx.clock.now())
  return {
    items: page.map(row => present(row, progress)),
    nextCursor: rows.length > limit ? encodeCursor(ids.at(-1) as string) : null,
  }
}

function present(row: BroadcastRow, all: Map<string, Progress>): Broadcast {
  const { state, counts, ratePerSecond, secondsLeft, reasons, stopReason } = all.get(row.id) as Progress
  const iso = (at: Date | null) => at?.toISOString() ?? null
  return {
    ...row,
    state: state as State,
    audience: asWanted(row.audience),
    counts,
    ratePerSecond,
    secondsLeft,
    reasons,
    stopReason,
    createdAt: row.createdAt.toISOString(),
    scheduledAt: iso(row.scheduledAt),
    startedAt: iso(row.startedAt),
    finishedAt: iso(row.finishedAt),
    expiresAt: row.expiresAt.toISOString(),
  }
}

/** What staff asked for, without what we looked up. */
const asWanted = (audience: BroadcastRow['audience']): Broadcast['audience'] =>
  audience.kind === 'meter' ? { kind: 'meter', number: audience.number } : audience
