import type { Services } from '../../../services.ts'
import { planBroadcast } from './plan.ts'

/**
 * Goes on planning a broadcast, now and each time its pace allows more, for as long as it does. A timer for each of them
 * in a process that sends; where none is left, the scheduler's sweep goes on. False when there was nothing left to plan.
 */
export function openPlanner(services: Services): (id: string) => Promise<boolean> {
  const timers = new Map<string, NodeJS.Timeout>()

  async function planOn(id: string): Promise<boolean> {
    const wait = await planBroadcast(services, id)
    if (wait === null) return false
    if (wait === 'enough' || timers.has(id)) return true
    const timer = setTimeout(() => {
      timers.delete(id)
      planOn(id).catch(error => services.log.warn({ event: 'broadcast_plan_failed', broadcastId: id, error }))
    }, wait)
    timer.unref()
    timers.set(id, timer)
    return true
  }

  return planOn
}
