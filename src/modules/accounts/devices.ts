import type { Tx } from '../../db/index.ts'
import { newId } from '../../lib/id.ts'
import { Problem } from '../../lib/problems.ts'
import { randomSecret, sha256 } from '../../lib/secrets.ts'
import type { Ctx } from '../../services.ts'
import { revokeSessions } from './revoke-sessions.ts'
import type { DeviceAnswer, DeviceBody, DeviceRegistration } from './schema.ts'
import {
  type DeviceRow,
  deleteDevices,
  devicesOf,
  findDevice,
  lockDevices,
  surplusDevices,
  takePushToken,
  upsertDevice,
} from './sql/devices.ts'

/** Of one customer; beyond, the one seen least recently is dropped and its sessions end. */
export const MAX_DEVICES = 10

/** Creates or updates a device of a customer; its push token leaves whoever had it. Returns the row's id. */
export async function saveDevice(
  tx: Tx,
  ctx: Pick<Ctx, 'clock' | 'fanout'>,
  customerId: string,
  device: DeviceBody,
  secretHash: Buffer | null = null,
): Promise<string> {
  const now = ctx.clock.now()
  const pushToken = device.pushToken ?? null
  await lockDevices(tx, customerId, pushToken)
  if (pushToken !== null) await takePushToken(tx, pushToken, customerId, device.id)
  const id = await upsertDevice(tx, {
    id: newId(now),
    customerId,
    installation: device.id,
    name: device.name?.trim() ?? null,
    platform: device.platform ?? null,
    pushToken,
    secretHash,
    now: new Date(now),
  })
  const surplus = (await surplusDevices(tx, customerId, id, MAX_DEVICES)).map(row => row.id)
  if (surplus.length > 0) await dropDevices(tx, ctx, customerId, surplus)
  return id
}

/** As `saveDevice`, for a device that a code has just proved: with a new secret, to be told to it once. */
export async function proveDevice(
  tx: Tx,
  ctx: Pick<Ctx, 'clock' | 'fanout'>,
  customerId: string,
  device: DeviceBody,
): Promise<{ deviceId: string; deviceSecret: string }> {
  const deviceSecret = randomSecret()
  const deviceId = await saveDevice(tx, ctx, customerId, device, sha256(deviceSecret))
  return { deviceId, deviceSecret }
}

/** The caller's device gets pushes from now on. */
export async function addDevice(tx: Tx, ctx: Ctx, device: DeviceRegistration): Promise<DeviceAnswer> {
  await saveDevice(tx, ctx, ctx.caller.id, device)
  const row = (await devicesOf(tx, ctx.caller.id, ctx.caller.sessionId)).find(
    ({ installation }) => installation === device.id,
  )
  if (!row) throw new Problem('not_found')
  return deviceAnswer(row)
}

/** The caller's devices, the last seen first. */
export async function listDevices(ctx: Ctx): Promise<{ items: DeviceAnswer[]; nextCursor: null }> {
  const rows = await devicesOf(ctx.db, ctx.caller.id, ctx.caller.sessionId)
  return { items: rows.map(deviceAnswer), nextCursor: null }
}

/** Forgets a device of the caller: no push, no sign-in without a new code, and its sessions end. */
export const removeDevice = (ctx: Ctx, installation: string): Promise<void> =>
  ctx.db.tx(async tx => {
    const id = await findDevice(tx, ctx.caller.id, installation)
    if (!id) throw new Problem('not_found')
    await dropDevices(tx, ctx, ctx.caller.id, [id])
  })

async function dropDevices(
  tx: Tx,
  ctx: Pick<Ctx, 'fanout'>,
  accountId: string,
  deviceIds: string[],
): Promise<void> {
  await revokeSessions(tx, ctx, { accountId, deviceIds }, 'device-removed')
  await deleteDevices(tx, deviceIds)
}

const deviceAnswer = ({ installation, createdAt, lastSeenAt, ...row }: DeviceRow): DeviceAnswer => ({
  ...row,
  id: installation,
  createdAt: createdAt.toISOString(),
  lastSeenAt: lastSeenAt.toISOString(),
})
