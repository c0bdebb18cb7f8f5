import { decodeCursor, encodeCursor, UUID } from '../../lib/cursor.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { record } from '../audit/index.ts'
import { revokeSessions } from './revoke-sessions.ts'
import type { SessionAnswer } from './schema.ts'
import { detachPush } from './sql/devices.ts'
import { liveSessions, type SessionChoice, type SessionRow } from './sql/sessions.ts'

const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** The caller's live sessions, newest first. */
export async function listSessions(
  ctx: Ctx,
  page: { limit: number; cursor?: string },
): Promise<{ items: SessionAnswer[]; nextCursor: string | null }> {
  const [before = LAST_ID] = page.cursor === undefined ? [] : decodeCursor(page.cursor, UUID)
  const rows = await liveSessions(ctx.db, {
    accountId: ctx.caller.id,
    before,
    limit: page.limit + 1,
    now: new Date(ctx.clock.now()),
  })
  const items = rows.slice(0, page.limit)
  const last = items.at(-1)
  return {
    items: items.map(row => sessionAnswer(row, ctx.caller.sessionId)),
    nextCursor: rows.length > items.length && last ? encodeCursor(last.id) : null,
  }
}

/** Ends one session of the caller, wherever it is; 404 for anybody else's. */
export async function endSession(ctx: Ctx, id: string): Promise<void> {
  const ended = await end(ctx, { accountId: ctx.caller.id, ids: [id] }, false)
  if (ended === 0) throw new Problem('not_found')
}

/** Signs the caller out of this session, or of all; the devices concerned get no more pushes. */
export async function signOut(ctx: Ctx, { all }: { all: boolean }): Promise<void> {
  const { id: accountId, sessionId } = ctx.caller
  await end(ctx, all ? { accountId } : { accountId, ids: [sessionId] }, all)
}

const end = (ctx: Ctx, which: SessionChoice, all: boolean): Promise<number> =>
  ctx.db.tx(async tx => {
    const { caller } = ctx
    const ended = await revokeSessions(tx, ctx, which, 'sign-out')
    if (caller.role === 'customer') {
      await detachPush(tx, caller.id, all ? null : ended.flatMap(({ deviceId }) => deviceId ?? []))
    } else if (ended.length > 0) {
      const detail = { sessions: ended.length }
      await record(tx, ctx, { action: 'session.end', objectKind: 'account', objectId: caller.id, detail })
    }
    return ended.length
  })

const sessionAnswer = (row: SessionRow, currentId: string): SessionAnswer => ({
  id: row.id,
  current: row.id === currentId,
  device:
    row.installation === null ? null : { id: row.installation, name: row.deviceName, platform: row.platform },
  userAgent: row.userAgent,
  createdAt: row.createdAt.toISOString(),
  lastUsedAt: row.lastUsedAt.toISOString(),
  expiresAt: row.expiresAt.toISOString(),
})
