import type { Tx } from '../../../db/index.ts'
import { newId } from '../../../lib/id.ts'
import type { Services } from '../../../services.ts'
import { progressOf } from './broadcast-sql.ts'
import {
  changeState,
  closeUnits,
  type End,
  endBroadcast,
  finishBroadcast,
  restartBroadcast,
} from './broadcast-state-sql.ts'
import { releaseHeld } from './units-waiting-sql.ts'
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
  return end(tx, services, id, { state: 'cancelled', outcome: 'suppressed', reason: 'cancelled' })
}

/** Ends a broadcast whose time is over while it waited for a person, in the caller's transaction; false when it is over already. */
export function expireBroadcast(
  tx: Tx,
  services: Services,
  id: string,
  stopReason: string | null,
): Promise<boolean> {
  const outcome = stopReason === null ? 'expired' : 'refused'
  return end(tx, services, id, { state: 'stopped', outcome, reason: stopReason ?? 'expired' })
}

function end(tx: Tx, { clock }: Services, id: string, how: End): Promise<boolean> {
  const now = clock.now()
  return endBroadcast(tx, id, how, newId(now), now)
}

/**
 * Stops a broadcast for a fault of ours that would hit every device, and calls a person: nobody else is sent to until an
 * administrator, who had the fault mended, resumes it.
 */
export async function stopBroadcast(services: Services, id: string, reason: string): Promise<void> {
  const stopped = await changeState(services.db, id, ['running', 'paused'], 'stopped', reason)
  if (!stopped) return
  services.log.error({ event: 'broadcast_stopped', alert: true, broadcastId: id, reason })
  await tellProgress(services, id)
}

/** Pauses a running broadcast; false when it is not running. Chunks at work see it within a second and keep the rest. */
export const pauseBroadcast = (tx: Tx, id: string): Promise<boolean> =>
  changeState(tx, id, ['running'], 'paused', null)

/**
 * Lets a paused or stopped broadcast go on where it was; false when it is neither, or its time is over. Call
 * `planBroadcast` after the commit.
 */
export async function resumeBroadcast(
  tx: Tx,
  { clock }: Services,
  id: string,
  from: readonly ('paused' | 'stopped')[],
): Promise<boolean> {
  const now = clock.now()
  if (!(await restartBroadcast(tx, id, from, now))) return false
  await releaseHeld(tx, id, now)
  return true
}

/** Units that were put aside for a broadcast that goes on: the net under `resumeBroadcast`. */
export const releaseUnits = ({ db, clock }: Services, id: string): Promise<number> =>
  releaseHeld(db, id, clock.now())

/** What was put aside is not waited for beyond the broadcast's time. */
export const expireParked = ({ db, clock }: Services, id: string): Promise<void> =>
  closeUnits(db, id, 'expired', 'expired', `'parked'`, clock.now())
