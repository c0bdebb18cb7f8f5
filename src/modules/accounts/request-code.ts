import { newId } from '../../lib/id.ts'
import type { Ctx } from '../../services.ts'
import { enqueue } from '../../tasks/index.ts'
import { CODE_PAUSE_SECONDS, CODE_SECONDS, CODE_TRIES, hmacOfCode, newCode, unguessable } from './codes.ts'
import { limitSignIns, mobileOf, tooMany } from './limits.ts'
import { codeText, wordsInstead } from './sms-texts.ts'
import { type Purpose, placeCode, stateOfPhone } from './sql/codes.ts'
import { insertSms } from './sql/sms.ts'
import { sendSmsTask } from './tasks.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/**
 * Sends a code by SMS, or words where a code would be of no use: the answer and the work are the same, so only who
 * holds the phone learns whether it has an account. One a minute for each phone and purpose; `rate_limited` otherwise
 * and over the caps by phone, prefix and day.
 */
export async function requestCode(
  ctx: Ctx,
  input: { phone: string; purpose: Purpose },
): Promise<{ expiresIn: number; retryAfter: number }> {
  const { purpose } = input
  const phone = mobileOf(input.phone)
  await limitSignIns(ctx)
  const now = ctx.clock.now()
  const state = await stateOfPhone(ctx.db, phone, purpose)
  if (state.expiresAt) refuseTooSoon(state.expiresAt.getTime(), now)
  await takeFromCaps(ctx, phone)

  const language = state.language ?? ctx.language
  const useful = (state.language === null) === (purpose === 'register')
  const code = newCode()
  const hmac = useful ? hmacOfCode(ctx, phone, purpose, code) : unguessable(ctx)
  const text = useful ? codeText(language, purpose, code) : wordsInstead(language, purpose)
  const expiresAt = now + CODE_SECONDS * 1_000
  const smsId = newId(now)
  await ctx.db.tx(async tx => {
    const placed = await placeCode(tx, {
      phone,
      purpose,
      hmac,
      tries: CODE_TRIES,
      expiresAt: new Date(expiresAt),
      unlessAfter: new Date(expiresAt - CODE_PAUSE_SECONDS * 1_000),
    })
    // Somebody asked at the same moment.
    if (!placed) throw tooMany(CODE_PAUSE_SECONDS * 1_000)
    await insertSms(tx, {
      id: smsId,
      phone,
      sealedText: ctx.secrets.seal(text),
      requestId: ctx.requestId,
      now: new Date(now),
      expiresAt: new Date(expiresAt),
    })
    await enqueue(tx, sendSmsTask, [{ smsId }], { requestId: ctx.requestId })
    tx.afterCommit(ctx.wakeRelay)
  })
  return { expiresIn: CODE_SECONDS, retryAfter: CODE_PAUSE_SECONDS }
}

function refuseTooSoon(expiresAt: number, now: number): void {
  const wait = expiresAt - (CODE_SECONDS - CODE_PAUSE_SECONDS) * 1_000 - now
  if (wait > 0) throw tooMany(wait)
}

async function takeFromCaps({ limiter, config }: Ctx, phone: string): Promise<void> {
  const caps: [string, number, number][] = [
    [`sms:phone:${phone}`, config.limitSmsPerPhone, DAY],
    [`sms:prefix:${phone.slice(0, -3)}`, config.limitSmsPerPrefix, HOUR],
    ['sms:all', config.limitSmsPerDay, DAY],
  ]
  for (const [key, limit, windowMs] of caps) {
    const allowance = await limiter.take(key, limit, windowMs)
    if (!allowance.ok) throw tooMany(allowance.retryAfterMs)
  }
}
