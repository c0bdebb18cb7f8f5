import type { Ctx } from '../../services.ts'
import { tooMany } from './limits.ts'
import { takeAttempt } from './sql/sign-in.ts'
import { openTurns } from './turns.ts'

/** Failures in a row that lock a device, an account reached from several devices, a member of staff. */
const DEVICE_LIMIT = 5
const CUSTOMER_LIMIT = 10
export const STAFF_LIMIT = 5
/** Never longer: strangers can reach this lock, since staff have no device to prove first. */
export const STAFF_LOCK_MINUTES = 15

// Two under way for an account in each process stay under every limit above, with two processes.
const turn = openTurns(2, 50)

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
    const now = ctx.clock.now()
    const { granted, lockedUntil } = await takeAttempt(ctx.db, {
      accountId: account.id,
      deviceId: account.deviceId,
      accountLimit: CUSTOMER_LIMIT,
      deviceLimit: DEVICE_LIMIT,
      longestLockMinutes: 24 * 60,
      now: new Date(now),
    })
    if (!granted) throw tooMany((lockedUntil?.getTime() ?? now) - now)
    return ctx.secrets.verify(usable(account.secretHash), pin)
  })

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
    const { granted } = await takeAttempt(ctx.db, {
      accountId: staff?.id ?? NOBODY,
      deviceId: null,
      accountLimit: STAFF_LIMIT,
      deviceLimit: STAFF_LIMIT,
      longestLockMinutes: STAFF_LOCK_MINUTES,
      now: new Date(ctx.clock.now()),
    })
    const matches = await ctx.secrets.verify(usable(staff?.secretHash), password)
    return matches && granted
  })
