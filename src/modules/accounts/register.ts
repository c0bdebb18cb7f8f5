import type { AccessTokens } from '../../http/index.ts'
import { newId } from '../../lib/id.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { tryCode } from './codes.ts'
import { proveDevice } from './devices.ts'
import { limitSignIns, mobileOf } from './limits.ts'
import { refuseObviousPin } from './pin.ts'
import type { Registration, TokenAnswer } from './schema.ts'
import { newSession, tokenAnswer } from './session.ts'
import { insertAccount } from './sql/accounts.ts'
import { useUp } from './sql/codes.ts'
import { openSession } from './sql/sessions.ts'

/**
 * Makes a customer's account, its first device, proved, and its first session. `code_invalid` for a wrong code;
 * `already_registered` only after a right one, which proves that the phone is theirs; `pin_too_simple`.
 */
export async function register(
  ctx: Ctx,
  tokens: AccessTokens,
  input: Registration & { userAgent: string | undefined },
): Promise<TokenAnswer> {
  const phone = mobileOf(input.phone)
  refuseObviousPin(input.pin, phone)
  await limitSignIns(ctx)
  const code = await tryCode(ctx, phone, 'register', input.code)
  if (!code) throw new Problem('code_invalid')
  const secretHash = await ctx.secrets.hash(input.pin)
  const now = ctx.clock.now()

  const made = await ctx.db.tx(async tx => {
    if (!(await useUp(tx, phone, 'register', code))) throw new Problem('code_invalid')
    const account = await insertAccount(
      tx,
      {
        id: newId(now),
        role: 'customer',
        phone,
        login: null,
        firstName: input.firstName.trim(),
        lastName: input.lastName.trim(),
        language: input.language ?? 'fr',
        agencyId: null,
        secretHash,
      },
      new Date(now),
    )
    // The code stays used.
    if (!account) return null
    const { deviceId, deviceSecret } = await proveDevice(tx, ctx, account.id, input.device)
    const { session, refreshToken } = newSession(ctx, account.id, deviceId, input.userAgent)
    await openSession(tx, session)
    return { account, deviceSecret, sessionId: session.id, refreshToken }
  })
  if (!made) throw new Problem('already_registered')
  const answer = await tokenAnswer(tokens, made.account, made.sessionId, made.refreshToken)
  return { ...answer, deviceSecret: made.deviceSecret }
}
