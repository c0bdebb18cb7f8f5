import type { Services } from '../../services.ts'
import { expireParked, planBroadcast, settleBroadcast } from '../notifications/index.ts'
import { selectOpen } from './sql.ts'

const MOST = 50

/**
 * The net under broadcasts, for the scheduler every second or two: goes on planning where a planner died, ends what is
 * accounted for, and gives up what was put aside once its time is over.
 */
export async function sweepBroadcasts(services: Services): Promise<void> {
  const faults: unknown[] = []
  for (const { id, expiresAt } of await selectOpen(services.db, MOST)) {
    try {
      await planBroadcast(services, id)
      if (expiresAt.getTime() <= services.clock.now()) await expireParked(services, id)
      await settleBroadcast(services, id)
    } catch (error) {
      // One that cannot go on does not hold up the others.
      faults.push(error)
    }
  }
  if (faults.length > 0) throw new AggregateError(faults, 'Some broadcasts could not go on.')
}
