import type { Ctx } from '../../services.ts'
import { tooMany } from './limits.ts'
import { type AttemptLimits, type AttemptSlot, takeAttempt } from './sql/sign-in.ts'
import { openTurns } from './turns.ts'

/** Failures in a row that lock a device, and an account reached from several devices. */
export const CUSTOMER_LIMITS: AttemptLimits = { account: 10, device: 5, longestLockMinutes: 24 * 60 }
/** The lock is never longer: strangers can reach it, since staff have no device to prove first. */
export const STAFF_LIMITS: AttemptLimits = { account: 5, device: 5, longestLockMinutes: 15 }

// One sign-in and one change of PIN under way for an account in each process stay under every limit above, with two
// processes.
export const turn = openTurns(1, 50)

/** What is kept where there is no PIN or password of ours looks like no hash, and fits nothing. */
const usable = (hash: string | undefined): string | null => (hash?.startsWith('$argon2id$') ? hash : null)

/**
 * Whether `pin` is the customer's, on a device that is already proved. Each fifth failure of a device and each tenth of
 * an account locks it for 15 minutes, then twice as long each time, a day at most: `rate_limited` then, and the PIN is
 * not looked at. A right one must clear the count (`openSession`, `clearAttempts`).
 */
export const isPin = (
  ctx: Ctx,
  account: { id: string; secretHash: string; deviceId: string | null },
  pin: string,
): Promise<boolean> =>
  turn(account.id, async () => {
    const of = { accountId: account.id, deviceId: account.deviceId }
    const attempt = await takeAttempt(ctx.db, of, CUSTOMER_LIMITS, new Date(ctx.clock.now()))
    return isPinAt(ctx, attempt, account, pin)
  })

/** As `isPin`, by an attempt that was taken already. */
export async function isPinAt(
  ctx: Ctx,
  { granted, lockedUntil }: AttemptSlot,
  account: { secretHash: string },
  pin: string,
): Promise<boolean> {
  const now = ctx.clock.now()
  if (!granted) throw tooMany((lockedUntil?.getTime() ?? now) - now)
  return ctx.secrets.verify(usable(account.secretHash), pin)
}

const NOBODY = '00000000-0000-0000-0000-000000000000'

/**
 * Whether `password` is the member of staff's and they are not locked. The same work, and one verification, whether the
 * login exists, is locked, or neither.
 */
export const isPassword = (
  ctx: Ctx,
  staff: { id: string; secretHash: string } | undefined,
  login: string,
  password: string,
): Promise<boolean> =>
  turn(login, async () => {
    const of = { accountId: staff?.id ?? NOBODY, deviceId: null }
    const { granted } = await takeAttempt(ctx.db, of, STAFF_LIMITS, new Date(ctx.clock.now()))
    const matches = await ctx.secrets.verify(usable(staff?.secretHash), password)
    return matches && granted
  })
