import { countCustomers } from '../modules/accounts/index.ts'
import { openBroadcasts } from '../modules/broadcasts/index.ts'
import { countLinks } from '../modules/meters/index.ts'
import { progressOf } from '../modules/notifications/index.ts'
import { metrics } from '../observability/index.ts'
import type { Services } from '../services.ts'

const OUTCOMES = ['sent', 'unregistered', 'refused', 'suppressed', 'expired', 'ambiguous', 'pending'] as const
const OPEN_STATES = ['draft', 'awaiting-approval', 'scheduled', 'running', 'paused', 'stopped', 'cancelled']
const LINK_STATUSES = ['pending', 'active', 'rejected', 'revoked']

/** Shows which broadcasts are not over, and how far those under way are. */
export async function measureBroadcasts({ db, clock }: Services): Promise<void> {
  const { byState, underWay } = await openBroadcasts(db)
  const progress = await progressOf(db, underWay, clock.now())
  // None is 0, not nothing: a chart of nothing says that nobody looked.
  for (const state of OPEN_STATES) metrics.broadcasts.set({ state }, 0)
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
  const links = await countLinks(db)
  for (const status of LINK_STATUSES) metrics.meterLinks.set({ status }, 0)
  for (const { status, count } of links) metrics.meterLinks.set({ status }, count)
}

/** Shows nothing of it any more. */
export function forgetCensus(): void {
  const { broadcasts, broadcastDevices, customers, activeCustomers, meterLinks } = metrics
  for (const gauge of [broadcasts, broadcastDevices, meterLinks]) gauge.reset()
  for (const gauge of [customers, activeCustomers]) gauge.remove()
}
