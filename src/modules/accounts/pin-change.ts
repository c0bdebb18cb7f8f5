import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { notify } from '../notifications/index.ts'
import { isPin } from './attempts.ts'
import { tryCode } from './codes.ts'
import { limitSignIns, mobileOf } from './limits.ts'
import { refuseObviousPin } from './pin.ts'
import { revokeSessions } from './revoke-sessions.ts'
import { setPinOfPhone } from './sql/accounts.ts'
import { useUp } from './sql/codes.ts'
import { detachPush, forgetDeviceSecrets } from './sql/devices.ts'
import { clearAttempts, findBySession } from './sql/sign-in.ts'

/**
 * Sets a new PIN with an SMS code. Every session and device secret is void afterwards, and the customer's devices are
 * told: should it not have been them, they learn it.
 */
export async function resetPin(ctx: Ctx, input: { phone: string; code: string; pin: string }): Promise<void> {
  const phone = mobileOf(input.phone)
  refuseObviousPin(input.pin, phone)
  await limitSignIns(ctx)
  const code = await tryCode(ctx, phone, 'pin-reset', input.code)
  if (!code) throw new Problem('code_invalid')
  const secretHash = await ctx.secrets.hash(input.pin)
  await ctx.db.tx(async tx => {
    if (!(await useUp(tx, phone, 'pin-reset', code))) throw new Problem('code_invalid')
    const accountId = await setPinOfPhone(tx, phone, secretHash, new Date(ctx.clock.now()))
    if (!accountId) throw new Problem('code_invalid')
    await forgetDeviceSecrets(tx, accountId)
    await revokeSessions(tx, ctx, { accountId }, 'pin-reset')
    await notify(tx, ctx, {
      customerId: accountId,
      type: 'security',
      priority: 'urgent',
      content: PIN_WAS_RESET,
      requestId: ctx.requestId,
    })
  })
}

/** Changes the caller's PIN, who knows the present one (`invalid_credentials` otherwise). Their other sessions end. */
export async function changePin(ctx: Ctx, input: { currentPin: string; pin: string }): Promise<void> {
  const { caller } = ctx
  const account = await findBySession(ctx.db, caller.id, caller.sessionId)
  if (!account?.phone) throw new Problem('session_ended')
  const { phone, deviceId } = account
  refuseObviousPin(input.pin, phone)
  if (!(await isPin(ctx, account, input.currentPin))) throw new Problem('invalid_credentials')
  const secretHash = await ctx.secrets.hash(input.pin)
  await ctx.db.tx(async tx => {
    await setPinOfPhone(tx, phone, secretHash, new Date(ctx.clock.now()))
    await clearAttempts(tx, caller.id, deviceId)
    const others = { accountId: caller.id, exceptId: caller.sessionId }
    const ended = await revokeSessions(tx, ctx, others, 'pin-change')
    const devices = ended.flatMap(session => session.deviceId ?? []).filter(id => id !== deviceId)
    await detachPush(tx, caller.id, devices)
  })
}

const PIN_WAS_RESET = {
  fr: {
    title: 'Votre code PIN a été changé',
    body: 'Un code reçu par SMS a servi à changer votre code PIN, et tous vos appareils ont été déconnectés. Si ce n’était pas vous, appelez Senelec.',
  },
  en: {
    title: 'Your PIN was changed',
    body: 'A code received by SMS was used to change your PIN, and all your devices were signed out. If it was not you, call Senelec.',
  },
  // To be reviewed by a native speaker.
  wo: {
    title: 'Sa kod PIN soppiku na',
    body: 'Kod bu ñëw ci SMS moo soppi sa kod PIN, te say telefon yépp génn nañu. Su dul yaw la, woo Senelec.',
  },
}
