import type { Services } from '../../../services.ts'
import { enqueue } from '../../../tasks/index.ts'
import { deliverTask, messageOf } from './tasks.ts'
import { claimLost, freeAll } from './units-waiting-sql.ts'

const MOST = 500

/**
 * Publishes again what is unfinished: units whose message nobody took in time, and units whose worker's lease ran out.
 * For the scheduler, every second or two; costs nothing when there is nothing, and never more than a batch. Returns how
 * many.
 */
export async function sweepDeliveries(services: Services): Promise<number> {
  return services.db.tx(async tx => {
    const lost = await claimLost(tx, services.clock.now(), MOST)
    for (const [queue, units] of Map.groupBy(lost, unit => unit.queue)) {
      const payloads = units.map(messageOf)
      await enqueue(tx, deliverTask, payloads, { queue })
    }
    if (lost.length > 0) tx.afterCommit(services.wakeRelay)
    return lost.length
  })
}

/**
 * For a broker that dies with its process, before any worker starts: all that it carried is lost and nobody holds
 * anything, so the next sweep publishes it again without waiting for leases to run out.
 */
export const reviveDeliveries = ({ db, clock }: Services): Promise<void> => freeAll(db, clock.now())
