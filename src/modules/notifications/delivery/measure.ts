import { timeOf } from '../../../lib/id.ts'
import { metrics } from '../../../observability/index.ts'
import { OUTCOMES, type Tally } from './tally.ts'
import type { Unit } from './units-sql.ts'

/** Counts what became of the devices of a recorded unit; of a notification to one customer also how long it took. */
export function measureDeliveries(
  { broadcastId, notificationId, queue }: Pick<Unit, 'broadcastId' | 'notificationId' | 'queue'>,
  { counts }: Pick<Tally, 'counts'>,
  now: number,
): void {
  const kind = broadcastId === null ? 'notification' : 'broadcast'
  for (const outcome of OUTCOMES) {
    if (counts[outcome] > 0) metrics.deliveries.inc({ outcome, kind }, counts[outcome])
  }
  if (notificationId === null || counts.sent === 0) return
  metrics.deliveryDelay.observe({ queue }, Math.max(0, now - timeOf(notificationId)) / 1_000)
}
