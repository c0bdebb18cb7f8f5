import type { Services } from '../../../services.ts'
import type { Handlers } from '../../../tasks/index.ts'
import { openEngine } from './deliver.ts'
import { deliverTask } from './tasks.ts'

/** The work of sending. */
export function deliveryHandlers(handlers: Handlers, services: Services): void {
  const deliver = openEngine(services)
  handlers.on(deliverTask, ({ deliveryId }, { signal }) => deliver(deliveryId, signal))
}
