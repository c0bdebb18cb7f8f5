import { watchBroadcasts } from '../modules/broadcasts/index.ts'
import { dueDeliveries, parkedDeliveries, replayDeliveries } from '../modules/notifications/index.ts'
import type { MonitorOptions } from '../monitor/index.ts'
import type { Services } from '../services.ts'
import type { Broker } from '../tasks/index.ts'

/** What the task monitor looks at. */
export function monitorOptions(services: Services, broker: Broker, version: string): MonitorOptions {
  const { config, fanout, db, shelf, clock, log } = services
  const deliveries = { list: parkedDeliveries, replay: replayDeliveries, due: dueDeliveries }
  return { config, broker, fanout, db, shelf, deliveries, broadcasts: watchBroadcasts, clock, version, log }
}
