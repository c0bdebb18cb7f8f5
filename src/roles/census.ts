import { countCustomers } from '../modules/accounts/index.ts'
import { openBroadcasts } from '../modules/broadcasts/index.ts'
import { countLinks } from '../modules/meters/index.ts'
import { progressOf } from '../modules/notifications/index.ts'
import { metrics } from '../observability/index.ts'
import type { Services } from '../services.ts'

const OUTCOMES = ['sent', 'unregistered', 'refused', 'suppressed', 'expired', 'ambiguous', 'pending'] as const
const NONE_OPEN = {
  draft: 0,
  'awaiting-approval': 0,
  scheduled: 0,
  running: 0,
  paused: 0,
  stopped: 0,
  cancelled: 0,
}
const NO_LINKS = { pending: 0, active: 0, rejected: 0, revoked: 0 }

/** Shows which broadcasts are not over, and how far those under way are. */
export async function measureBroadcasts({ db, clock }: Services): Promise<void> {
  const { byState, underWay } = await openBroadcasts(db)
  const progress = await progressOf(db, underWay, clock.now())
  const open: Record<string, number> = { ...NONE_OPEN }
  for (const { state, count } of byState) open[state] = count
  for (const [state, count] of Object.entries(open)) metrics.broadcasts.set({ state }, count)
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
  const links: Record<string, number> = { ...NO_LINKS }
  for (const { status, count } of await countLinks(db)) links[status] = count
  for (const [status, count] of Object.entries(links)) metrics.meterLinks.set({ status }, count)
}

/** Shows nothing of it any more. */
export function forgetCensus(): void {
  const { broadcasts, broadcastDevices, customers, activeCustomers, meterLinks } = metrics
  for (const gauge of [broadcasts, broadcastDevices, meterLinks]) gauge.reset()
  for (const gauge of [customers, activeCustomers]) gauge.remove()
}
