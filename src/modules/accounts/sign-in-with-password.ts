import type { AccessTokens } from '../../http/index.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { record } from '../audit/index.ts'
import { isPassword, STAFF_LIMITS } from './attempts.ts'
import { limitSignIns, tooMany } from './limits.ts'
import type { TokenAnswer } from './schema.ts'
import { callerOf, newSession, tokenAnswer } from './session.ts'
import { accountDisabled } from './sign-in-with-pin.ts'
import { openSession } from './sql/sessions.ts'
import { findStaff } from './sql/sign-in.ts'

/**
 * Opens a session for a member of staff. Whether a login exists shows neither by the answer nor by its time: failures
 * are counted by name, known or not (`invalid_credentials`, then `rate_limited`), and the right password of a locked
 * account counts as one.
 */
export async function signInWithPassword(
  ctx: Ctx,
  tokens: AccessTokens,
  input: { login: string; password: string; userAgent: string | undefined },
): Promise<TokenAnswer> {
  await limitSignIns(ctx)
  const login = input.login.trim().toLowerCase()
  const staff = await findStaff(ctx.db, login)
  const right = await isPassword(ctx, staff, login, input.password)
  if (!staff || !right) throw await failure(ctx, login)
  if (staff.disabled) throw accountDisabled()

  const { session, refreshToken } = newSession(ctx, staff.id, null, input.userAgent)
  await ctx.db.tx(async tx => {
    await openSession(tx, session)
    const caller = callerOf(staff, session.id)
    await record(
      tx,
      { ...ctx, caller },
      { action: 'session.open', objectKind: 'session', objectId: session.id },
    )
  })
  return tokenAnswer(tokens, staff, session.id, refreshToken)
}

async function failure({ limiter, log, requestId }: Ctx, login: string): Promise<Problem> {
  log.warn({ event: 'staff_sign_in_failed', requestId })
  const allowance = await limiter.take(
    `password:${login}`,
    STAFF_LIMITS.account,
    STAFF_LIMITS.longestLockMinutes * 60_000,
  )
  if (!allowance.ok) return tooMany(allowance.retryAfterMs)
  return new Problem('invalid_credentials', {
    detail: {
      fr: 'Après cinq échecs, un compte attend quinze minutes.',
      en: 'After five failures an account waits fifteen minutes.',
    },
  })
}
