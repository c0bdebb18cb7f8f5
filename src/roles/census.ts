import { countCustomers } from '../modules/accounts/index.ts'
import { openBroadcasts } from '../modules/broadcasts/index.ts'
import { countLinks } from '../modules/meters/index.ts'
import { progressOf } from '../modules/notifications/index.ts'
import { metrics } from '../observability/index.ts'
import type { Services } from '../services.ts'

const OUTCOMES = ['sent', 'unregistered', 'refused', 'suppressed', 'expired', 'ambiguous', 'pending'] as const

/** Shows which broadcasts are not over, and how far those under way are. */
export async function measureBroadcasts({ db, clock }: Services): Promise<void> {
  const { byState, underWay } = await openBroadcasts(db)
  const progress = await progressOf(db, underWay, clock.now())
  metrics.broadcasts.reset()
  for (const { state, count } of byState) metrics.broadcasts.set({ state }, count)
  for (const outcome of OUTCOMES) {
    const devices = [...progress.values()].reduce((sum, { counts }) => sum + counts[outcome], 0)
    metrics.broadcastDevices.set({ outcome }, devices)
  }
}

/** Shows how many customers and linked meters there are. */
export async function measureCustomers({ db, clock }: Services): Promise<void> {
  const { all, active } = await countCustomers(db, clock.now())
  metrics.customers.set(all)
  metrics.activeCustomers.set(active)
  for (const { status, count } of await countLinks(db)) metrics.meterLinks.set({ status }, count)
}

/** Shows nothing of it any more. */
export function forgetCensus(): void {
  const { broadcasts, broadcastDevices, customers, activeCustomers, meterLinks } = metrics
  for (const gauge of [broadcasts, broadcastDevices, meterLinks]) gauge.reset()
  for (const gauge of [customers, activeCustomers]) gauge.remove()
}
