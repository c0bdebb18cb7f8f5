import { randomInt } from 'node:crypto'
import { equalBytes, randomSecret } from '../../lib/secrets.ts'
import type { Ctx } from '../../services.ts'
import { type Purpose, takeTry } from './sql/codes.ts'

export const CODE_SECONDS = 300
export const CODE_TRIES = 5
/** Seconds between two codes for the same phone and purpose. */
export const CODE_PAUSE_SECONDS = 60

/** Six digits. */
export const newCode = (): string => String(randomInt(1_000_000)).padStart(6, '0')

/** What is kept of a code: it fits one phone and one purpose. */
export const hmacOfCode = (
  { secrets }: Pick<Ctx, 'secrets'>,
  phone: string,
  purpose: Purpose,
  code: string,
) => secrets.hmac('sms code', `${purpose}\n${phone}\n${code}`)

/** Kept for a phone that gets words instead of a code: nothing that can be typed fits it. */
export const unguessable = ({ secrets }: Pick<Ctx, 'secrets'>): Buffer =>
  secrets.hmac('sms code', randomSecret())

/**
 * Tries a code; costs one of its tries, right or wrong. What comes back when it is right is to be used up in the
 * transaction of what it allows, so that one code allows one thing. Undefined when it is wrong, dead or was never sent.
 */
export async function tryCode(
  ctx: Ctx,
  phone: string,
  purpose: Purpose,
  code: string,
): Promise<Buffer | undefined> {
  const given = hmacOfCode(ctx, phone, purpose, code)
  const kept = await takeTry(ctx.db, phone, purpose, new Date(ctx.clock.now()))
  return kept && equalBytes(kept, given) ? kept : undefined
}
