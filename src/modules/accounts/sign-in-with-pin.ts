import type { AccessTokens } from '../../http/index.ts'
import { Problem } from '../../lib/problems.ts'
import { sha256 } from '../../lib/secrets.ts'
import type { Ctx } from '../../services.ts'
import { CUSTOMER_LIMITS, isPin, isPinAt, turn } from './attempts.ts'
import { tryCode } from './codes.ts'
import { proveDevice, saveDevice } from './devices.ts'
import { limitSignIns, mobileOf } from './limits.ts'
import type { PinGrant, TokenAnswer } from './schema.ts'
import { newSession, tokenAnswer } from './session.ts'
import { useUp } from './sql/codes.ts'
import { openSession } from './sql/sessions.ts'
import { type AttemptSlot, type CustomerCandidate, findAndTry } from './sql/sign-in.ts'

type Proof = { by: 'secret'; deviceId: string; attempt: AttemptSlot } | { by: 'code'; code: Buffer }

/**
 * Opens a session for a customer on a device that its secret or an SMS code proves. That is decided before the PIN is
 * looked at, with the same work and the same answer (`device_not_verified`) for a phone without an account. A wrong PIN
 * is `invalid_credentials`; too many, `rate_limited`. A code costs a try each time and is used up by success alone, so
 * that a mistyped PIN does not cost another SMS.
 */
export async function signInWithPin(
  ctx: Ctx,
  tokens: AccessTokens,
  input: Omit<PinGrant, 'grant'> & { userAgent: string | undefined },
): Promise<TokenAnswer> {
  const phone = mobileOf(input.phone)
  await limitSignIns(ctx)
  return turn(phone, async () => {
    const customer = await candidateOf(ctx, phone, input)
    const proof = await proofOf(ctx, phone, input, customer)
    if (!customer || !proof) throw notVerified(input.code !== undefined)
    const isTheirs =
      proof.by === 'secret'
        ? isPinAt(ctx, proof.attempt, customer, input.pin)
        : isPin(ctx, customer, input.pin)
    if (!(await isTheirs)) throw new Problem('invalid_credentials')
    if (customer.disabled) throw accountDisabled()

    const opened =
      proof.by === 'secret'
        ? await openOnKnownDevice(ctx, customer, proof.deviceId, input)
        : await openOnNewDevice(ctx, customer, proof.code, phone, input)
    const answer = await tokenAnswer(tokens, customer, opened.sessionId, opened.refreshToken)
    return opened.deviceSecret === undefined ? answer : { ...answer, deviceSecret: opened.deviceSecret }
  })
}

/** Who has this phone; an attempt is counted already where the device's secret was given. */
const candidateOf = (ctx: Ctx, phone: string, { device, deviceSecret }: Input) =>
  findAndTry(
    ctx.db,
    phone,
    device.id,
    deviceSecret === undefined ? null : sha256(deviceSecret),
    CUSTOMER_LIMITS,
    new Date(ctx.clock.now()),
  )

type Input = Parameters<typeof signInWithPin>[2]

interface Opened {
  sessionId: string
  refreshToken: string
  deviceSecret?: string
}

async function proofOf(
  ctx: Ctx,
  phone: string,
  input: Input,
  customer: Awaited<ReturnType<typeof candidateOf>>,
): Promise<Proof | undefined> {
  if (customer?.attempt && customer.deviceId) {
    return { by: 'secret', deviceId: customer.deviceId, attempt: customer.attempt }
  }
  if (input.code === undefined) return undefined
  const code = await tryCode(ctx, phone, 'device', input.code)
  return code && { by: 'code', code }
}

async function openOnKnownDevice(
  ctx: Ctx,
  customer: CustomerCandidate,
  deviceId: string,
  { device, userAgent }: Input,
): Promise<Opened> {
  const { session, refreshToken } = newSession(ctx, customer.id, deviceId, userAgent)
  if (device.pushToken === undefined) await openSession(ctx.db, session, device)
  else {
    await ctx.db.tx(async tx => {
      // Its row may have been removed meanwhile: the session is on whichever row has it now.
      session.deviceId = await saveDevice(tx, ctx, customer.id, device)
      await openSession(tx, session)
    })
  }
  return { sessionId: session.id, refreshToken }
}

const openOnNewDevice = (
  ctx: Ctx,
  customer: CustomerCandidate,
  code: Buffer,
  phone: string,
  { device, userAgent }: Input,
): Promise<Opened> =>
  ctx.db.tx(async tx => {
    if (!(await useUp(tx, phone, 'device', code))) throw notVerified(true)
    const { deviceId, deviceSecret } = await proveDevice(tx, ctx, customer.id, device)
    const { session, refreshToken } = newSession(ctx, customer.id, deviceId, userAgent)
    await openSession(tx, session)
    return { sessionId: session.id, refreshToken, deviceSecret }
  })

const notVerified = (withCode: boolean): Problem =>
  new Problem('device_not_verified', {
    detail: withCode
      ? {
          fr: 'Le code est faux ou périmé : demandez-en un nouveau.',
          en: 'The code is wrong or expired: ask for a new one.',
        }
      : {
          fr: 'Demandez un code par SMS et envoyez-le avec votre PIN.',
          en: 'Ask for a code by SMS and send it with your PIN.',
        },
  })

/** Told only to who gave the right secret. */
export const accountDisabled = (): Problem =>
  new Problem('forbidden', {
    detail: {
      fr: 'Ce compte est désactivé : adressez-vous à Senelec.',
      en: 'This account is disabled: contact Senelec.',
    },
  })
