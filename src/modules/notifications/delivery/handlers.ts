import type { Services } from '../../../services.ts'
import type { Handlers } from '../../../tasks/index.ts'
import { openEngine } from './deliver.ts'
import { deliverTask } from './tasks.ts'
import { openTurnstile } from './turnstile.ts'

/** The work of sending. Units of urgent broadcasts leave half of the urgent slots to single notifications. */
export function deliveryHandlers(handlers: Handlers, services: Services): void {
  const deliver = openEngine(services)
  const turnstile = openTurnstile(services.config.workerSlots)
  handlers.on(deliverTask, async ({ deliveryId, broadcastId }, { message, signal }) => {
    if (message.queue !== 'urgent' || broadcastId === undefined) return deliver(deliveryId, signal)
    await turnstile.pass(deliveryId, signal, id => deliver(id, signal))
  })
}
