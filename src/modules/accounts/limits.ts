import { isMobile, parsePhone } from '../../lib/phone.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'

const TEN_MINUTES = 600_000

/** `rate_limited` with the wait, from milliseconds. */
export const tooMany = (waitMs: number): Problem =>
  new Problem('rate_limited', { retryAfter: Math.max(1, Math.ceil(waitMs / 1_000)) })

/** One more sign-in, registration or code request from this network; generous, since operators share addresses. */
export async function limitSignIns({ limiter, config, ip }: Ctx): Promise<void> {
  const allowance = await limiter.take(`sign-ins:${ip}`, config.limitSignInsPerNetwork, TEN_MINUTES)
  if (!allowance.ok) throw tooMany(allowance.retryAfterMs)
}

/** The Senegalese mobile that a person typed, in E.164; `Problem('invalid')` for anything else. */
export function mobileOf(text: string): string {
  const phone = parsePhone(text)
  if (phone && isMobile(phone)) return phone
  throw new Problem('invalid', {
    errors: [{ field: 'phone', message: 'must be a Senegalese mobile number' }],
  })
}
