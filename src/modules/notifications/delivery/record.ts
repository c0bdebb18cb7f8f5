import { setTimeout as sleep } from 'node:timers/promises'
import type { Tx } from '../../../db/index.ts'
import { newId } from '../../../lib/id.ts'
import { Problem } from '../../../lib/problems.ts'
import type { Services } from '../../../services.ts'
import { enqueue } from '../../../tasks/index.ts'
import { type Delay, giveUp, retryDelay, type Tally } from './tally.ts'
import { deliverTask } from './tasks.ts'
import { type Again, postponeUnit, recordUnit, type Unit } from './units-sql.ts'

/** While the database is away what was sent is kept in hand for about a minute: losing it would mean sending it twice. */
const PAUSES_MS = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000]

/**
 * Records what became of a unit: its outcomes and, for what failed and is worth another try, one more unit; all or
 * nothing, once. False when this worker does not hold the unit any more.
 */
export async function record(
  services: Services,
  unit: Unit,
  tally: Tally,
  random: () => number,
  signal: AbortSignal,
): Promise<boolean> {
  const delay = retryDelay(unit.attempt, tally.waitMs, random)
  if (services.clock.now() + delay.stepMs >= unit.expiresAt.getTime()) giveUp(tally, 'expired')
  return patiently(services, unit, signal, () => recordOnce(services, unit, tally, delay))
}

async function recordOnce(services: Services, unit: Unit, tally: Tally, delay: Delay): Promise<boolean> {
  const { db, clock } = services
  const now = clock.now()
  const again = nextUnit(tally, now, now + delay.stepMs)
  if (!again) return recordUnit(db, unit, tally, null, now)
  return db.tx(async tx => {
    const recorded = await recordUnit(tx, unit, tally, again, now)
    if (recorded) await publishLater(tx, services, unit, again.id, delay)
    return recorded
  })
}

function nextUnit({ failed }: Tally, now: number, dueAt: number): Again | null {
  if (failed.length === 0) return null
  const unsure = failed.filter(device => device.ambiguous)
  const others = failed.filter(device => !device.ambiguous)
  const devices = [...unsure, ...others].map(device => device.id)
  return { id: newId(now), devices, unsure: unsure.length, dueAt }
}

/** Puts a unit of which nothing was tried back, to be taken after `waitMs`. */
export async function postpone(
  services: Services,
  unit: Unit,
  waitMs: number,
  random: () => number,
): Promise<void> {
  const delay = retryDelay(0, waitMs, random)
  await services.db.tx(async tx => {
    const held = await postponeUnit(tx, unit, services.clock.now() + delay.stepMs)
    if (held) await publishLater(tx, services, unit, unit.id, delay)
  })
}

async function publishLater(tx: Tx, services: Services, unit: Unit, id: string, delay: Delay): Promise<void> {
  await enqueue(tx, deliverTask, [{ deliveryId: id }], { queue: unit.queue, delayMs: delay.messageMs })
  tx.afterCommit(services.wakeRelay)
}

async function patiently<T>(
  { log }: Services,
  unit: Unit,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (const pause of PAUSES_MS) {
    try {
      return await work()
    } catch (error) {
      const away = error instanceof Problem && error.code === 'unavailable'
      if (!away || signal.aborted) throw error
      log.warn({ event: 'delivery_record_waits', deliveryId: unit.id, error })
      await sleep(pause)
    }
  }
  return work()
}
