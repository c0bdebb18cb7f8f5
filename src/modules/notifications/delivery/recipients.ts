import type { Queryable } from '../../../db/index.ts'
import { DEVICES, devicesOfChunk, FIRST } from './audience.ts'
import type { Recipient } from './tally.ts'
import type { Unit } from './units-sql.ts'

type Device = Omit<Recipient, 'unsure'>

/** The devices of a unit that a push can reach now, in one round trip: those that failed, a chunk's, or a customer's. */
export async function recipientsOf(db: Queryable, unit: Unit): Promise<Recipient[]> {
  const devices = await devicesOf(db, unit)
  const unsure = new Set(unit.devices?.slice(0, unit.unsure))
  return devices.map(device => ({ ...device, unsure: unsure.has(device.id) }))
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
