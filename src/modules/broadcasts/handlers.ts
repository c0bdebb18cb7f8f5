import type { Services } from '../../services.ts'
import type { Handlers } from '../../tasks/index.ts'
import { planBroadcast, settleBroadcast } from '../notifications/index.ts'
import { planTask } from './tasks.ts'

/** The start of a broadcast; its chunks plan the rest as they end. */
export function broadcastHandlers(handlers: Handlers, services: Services): void {
  handlers.on(planTask, async ({ broadcastId }, { message }) => {
    await planBroadcast(services, broadcastId, message.requestId ?? undefined)
    // An audience without devices is done as soon as it is planned.
    await settleBroadcast(services, broadcastId)
  })
}
