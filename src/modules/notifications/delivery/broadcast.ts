import type { Tx } from '../../../db/index.ts'
import { newId } from '../../../lib/id.ts'
import type { Services } from '../../../services.ts'
import { closeUnits, endBroadcast, finishBroadcast, progressOf } from './broadcast-sql.ts'
import { announceProgress } from './watch.ts'

/** Marks a broadcast done, or its early end complete, once every device is accounted for, and tells who follows it. */
export async function settleBroadcast(services: Services, id: string): Promise<void> {
  const finished = await finishBroadcast(services.db, id, services.clock.now())
  if (finished) await tellProgress(services, id)
}

/** Tells those who follow a broadcast how far it is. */
export async function tellProgress(services: Services, id: string): Promise<void> {
  const progress = (await progressOf(services.db, [id], services.clock.now())).get(id)
  if (progress) announceProgress(services, progress)
}

/**
 * Cancels a broadcast in the caller's transaction; false when it is over already. Devices not sent to are suppressed;
 * chunks at work see it within a second. Call `settleBroadcast` after the commit.
 */
export function cancelBroadcast(tx: Tx, services: Services, id: string): Promise<boolean> {
  const end = { state: 'cancelled', outcome: 'suppressed', reason: 'cancelled' } as const
  const now = services.clock.now()
  return endBroadcast(tx, id, end, newId(now), now)
}

/** Stops a broadcast for a fault of ours that would hit every device, and calls a person. Its devices are refused with that reason. */
export async function stopBroadcast(services: Services, id: string, reason: string): Promise<void> {
  const end = { state: 'stopped', outcome: 'refused', reason } as const
  const now = services.clock.now()
  const stopped = await services.db.tx(tx => endBroadcast(tx, id, end, newId(now), now))
  if (stopped) services.log.error({ event: 'broadcast_stopped', alert: true, broadcastId: id, reason })
}

/** What was put aside is not waited for beyond the broadcast's time. */
export const expireParked = ({ db, clock }: Services, id: string): Promise<void> =>
  closeUnits(db, id, 'expired', 'expired', `'parked'`, clock.now())
