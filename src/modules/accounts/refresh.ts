import type { AccessTokens } from '../../http/index.ts'
import { Problem } from '../../lib/problems.ts'
import { sha256 } from '../../lib/secrets.ts'
import type { Ctx } from '../../services.ts'
import { newRefreshToken, readRefreshToken, sealSuccessor, unsealSuccessor } from './refresh-token.ts'
import { announceRevoked } from './revoke-sessions.ts'
import type { TokenAnswer } from './schema.ts'
import { SESSION_MS, tokenAnswer } from './session.ts'
import { rotate } from './sql/sessions.ts'

/** A lost answer may be asked for again this long. */
const GRACE_MS = 10_000

/**
 * Trades a refresh token for the next one, in one round trip to the database. A used one that comes again within ten
 * seconds, its successor unused, gets that same successor; any other reuse ends the session (`session_ended`). What we
 * never issued is `unauthenticated` and ends nothing.
 */
export async function refresh(ctx: Ctx, tokens: AccessTokens, presented: string): Promise<TokenAnswer> {
  const token = readRefreshToken(ctx.secrets, presented)
  if (!token) throw new Problem('unauthenticated')
  const now = ctx.clock.now()
  const next = newRefreshToken(ctx.secrets, token.sessionId)
  const row = await rotate(ctx.db, {
    sessionId: token.sessionId,
    presented: token.hash,
    next: sha256(next),
    sealedNext: sealSuccessor(presented, next),
    now: new Date(now),
    graceFrom: new Date(now - GRACE_MS),
    expiresAt: new Date(now + SESSION_MS),
  })
  if (!row) throw new Problem('session_ended')
  if (row.reused || !row.successor) {
    announceRevoked(ctx, [token.sessionId])
    ctx.log.warn({ event: 'refresh_token_reused', sessionId: token.sessionId, requestId: ctx.requestId })
    throw new Problem('session_ended')
  }
  const current = row.rotated ? next : unsealSuccessor(presented, row.successor)
  return tokenAnswer(tokens, row, token.sessionId, current)
}
