import { Gauge, Registry } from 'prom-client'
import type { Desk } from './desk.ts'
import { lookAtQueues, type QueueView } from './queues.ts'

const STATES = ['ready', 'unacknowledged', 'delayed', 'parked'] as const

/** What Prometheus reads of queues and workers; what a dependency does not say is absent rather than zero. */
export function openMonitorMetrics(desk: Desk): () => Promise<string> {
  const registry = new Registry()
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] })
  const messages = gauge('samaconso_queue_messages', 'Messages of a queue.', ['queue', 'state'])
  const slots = gauge('samaconso_queue_slots', 'Slots of workers for a queue.', ['queue'])
  const age = gauge('samaconso_queue_oldest_seconds', 'How long the head of a queue waits, at least.', [
    'queue',
  ])
  const active = gauge('samaconso_queue_active', 'Tasks of a queue under way.', ['queue'])
  const workers = gauge('samaconso_workers', 'Workers by state.', ['state'])
  const waiting = gauge('samaconso_outbox_waiting', 'Messages on their way to the broker.')
  const oldest = gauge('samaconso_outbox_oldest_seconds', 'Age of the oldest message in the outbox.')
  const up = gauge('samaconso_monitor_up', 'Whether a dependency answers the monitor.', ['dependency'])

  function fill(queue: QueueView): void {
    slots.set({ queue: queue.queue }, queue.slots)
    active.set({ queue: queue.queue }, queue.active)
    for (const state of STATES) {
      const count = queue[state]
      if (count !== null) messages.set({ queue: queue.queue, state }, count)
    }
    if (queue.ready !== null) age.set({ queue: queue.queue }, (queue.oldestMs ?? 0) / 1_000)
  }

  return async () => {
    const { broker, database, items, outbox } = await lookAtQueues(desk)
    registry.resetMetrics()
    items.forEach(fill)
    for (const state of ['running', 'draining', 'lost', 'stopped']) {
      workers.set({ state }, desk.floor.workers().filter(worker => worker.state === state).length)
    }
    up.set({ dependency: 'broker' }, broker === 'ok' ? 1 : 0)
    up.set({ dependency: 'database' }, database === 'ok' ? 1 : 0)
    if (outbox) {
      waiting.set(outbox.waiting)
      oldest.set(outbox.oldestSeconds ?? 0)
    }
    return registry.metrics()
  }
}
