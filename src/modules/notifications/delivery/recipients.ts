import type { Queryable } from '../../../db/index.ts'
import { quietUntil } from '../quiet-hours.ts'
import { DEVICES, devicesOfChunk, FIRST } from './audience.ts'
import type { Recipient, Verdict } from './tally.ts'
import type { Unit } from './units-sql.ts'

interface Device extends Recipient {
  disabled: boolean
  /** Types that the customer wants no pushes of; null when they never chose. */
  muted: string[] | null
  quietFrom: number | null
  quietTo: number | null
}

/**
 * The devices of a unit that a push can reach now, in one round trip: those that failed, a chunk's, or a customer's.
 * Each with what its customer's wishes mean at `now`; `perSecond` is the pace at which those go on whose night is over.
 */
export async function recipientsOf(
  db: Queryable,
  unit: Unit,
  now: number,
  perSecond: number,
): Promise<Recipient[]> {
  const devices = await devicesOf(db, unit)
  const unsure = new Set(unit.devices?.slice(0, unit.unsure))
  // The rows themselves: a copy of each device of a million would be garbage of its own.
  for (const device of devices) {
    device.spared = wishOf(device, unit, now, perSecond)
    device.unsure = unsure.has(device.id)
  }
  return devices
}

/**
 * What a customer's wishes mean for a push. Urgent ones are sent at night too, and an urgent broadcast (power cut, danger)
 * whatever types they chose.
 */
function wishOf(device: Device, unit: Unit, now: number, perSecond: number): Verdict | null {
  const urgent = unit.priority === 'urgent'
  const ofMany = unit.broadcastId !== null
  if (device.disabled) return { outcome: 'suppressed', reason: 'account disabled' }
  if (device.muted?.includes(unit.type) && !(urgent && ofMany)) {
    return { outcome: 'suppressed', reason: 'preference' }
  }
  const { quietFrom: from, quietTo: to } = device
  if (from === null || to === null || urgent || (ofMany && !unit.respectQuietHours)) return null
  const end = quietUntil({ from, to }, now)
  if (end === null) return null
  // One after the other as in the walk: a country's night ends for everybody at once.
  const until = end + Math.round((unit.position / perSecond) * 1_000)
  return until >= unit.expiresAt.getTime()
    ? { outcome: 'suppressed', reason: 'quiet hours' }
    : { outcome: 'wait', reason: 'quiet hours', until }
}

async function devicesOf(db: Queryable, unit: Unit): Promise<Device[]> {
  if (unit.devices) {
    return db.query(`${DEVICES} where d.id = any($1::uuid[]) and d.push_token is not null`, [unit.devices])
  }
  if (unit.broadcastId && unit.through) {
    return devicesOfChunk(db, unit.audience, unit.startedAt, unit.after ?? FIRST, unit.through)
  }
  if (unit.customerId === null) return []
  return db.query(`${DEVICES} where d.customer_id = $1 and d.push_token is not null`, [unit.customerId])
}
