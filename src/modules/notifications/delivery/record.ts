import { setTimeout as sleep } from 'node:timers/promises'
import type { Tx } from '../../../db/index.ts'
import { newId } from '../../../lib/id.ts'
import { Problem } from '../../../lib/problems.ts'
import type { Services } from '../../../services.ts'
import { enqueue } from '../../../tasks/index.ts'
import { type Delay, giveUp, retryDelay, type Tally } from './tally.ts'
import { deliverTask, messageOf } from './tasks.ts'
import { type Again, LOST_AFTER_MS, type Recorded, recordUnit, type Unit } from './units-sql.ts'
import { postponeUnit } from './units-waiting-sql.ts'

/** While the database is away what was sent is kept in hand for about a minute: losing it would mean sending it twice. */
const PAUSES_MS = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000]

/**
 * Records what became of a unit: its outcomes and, for what failed and is worth another try, one more unit; all or
 * nothing, once. Undefined when this worker does not hold the unit any more.
 */
export async function record(
  services: Services,
  unit: Unit,
  tally: Tally,
  random: () => number,
  signal: AbortSignal,
): Promise<Recorded | undefined> {
  const delay = retryDelay(unit.attempt, tally.waitMs, random)
  if (services.clock.now() + delay.stepMs >= unit.expiresAt.getTime())
    giveUp(tally, 'expired', undefined, 'retries')
  return patiently(services, unit, signal, () => recordOnce(services, unit, tally, delay))
}

async function recordOnce(
  services: Services,
  unit: Unit,
  tally: Tally,
  delay: Delay,
): Promise<Recorded | undefined> {
  const { db, clock } = services
  const now = clock.now()
  const again = nextUnits(unit, tally, now, delay)
  const retry = again.find(({ attempt }) => attempt > unit.attempt)
  if (!retry) return recordUnit(db, unit, tally, again, now)
  return db.tx(async tx => {
    const recorded = await recordUnit(tx, unit, tally, again, now)
    if (recorded) await publishLater(tx, services, unit, retry.id, delay)
    return recorded
  })
}

/** A unit for those that are retried, one for those that wait until the broadcast goes on, and one for each end of a night. */
function nextUnits({ attempt }: Unit, { failed }: Tally, now: number, { stepMs }: Delay): Again[] {
  return [...Map.groupBy(failed, device => device.until)].map(([until, group]) => {
    const unsure = group.filter(device => device.ambiguous)
    const others = group.filter(device => !device.ambiguous)
    const again = {
      id: newId(now),
      devices: [...unsure, ...others].map(device => device.id),
      unsure: unsure.length,
    }
    if (until === 'resumed') return { ...again, attempt, dueAt: now, publishAt: null }
    // The sweep publishes it when it is due: a message would have to wait for hours.
    if (until !== 'retry') return { ...again, attempt, dueAt: until, publishAt: until }
    const dueAt = now + stepMs
    return { ...again, attempt: attempt + 1, dueAt, publishAt: dueAt + LOST_AFTER_MS }
  })
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
  await enqueue(tx, deliverTask, [messageOf({ id, broadcastId: unit.broadcastId })], {
    queue: unit.queue,
    delayMs: delay.messageMs,
  })
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
