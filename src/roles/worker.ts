import { accountsHandlers } from '../modules/accounts/index.ts'
import { broadcastHandlers } from '../modules/broadcasts/index.ts'
import { deliveryHandlers } from '../modules/notifications/index.ts'
import type { Services } from '../services.ts'
import {
  type Broker,
  Handlers,
  type Queue,
  startManagedWorker,
  type TaskEvent,
  type Worker,
} from '../tasks/index.ts'
import { shownConfiguration } from './configuration.ts'
import { measureTask } from './measure.ts'

/** Every task of the business with its handler. */
export function businessHandlers(services: Services): Handlers {
  const handlers = new Handlers()
  accountsHandlers(handlers, services)
  deliveryHandlers(handlers, services)
  broadcastHandlers(handlers, services)
  return handlers
}

export interface WorkerRoleOptions {
  broker: Broker
  name: string
  /** Slots of each queue. */
  queues: Partial<Record<Queue, number>>
  version: string
  /** What its process is. */
  role: 'worker' | 'all'
}

/** Starts a worker of every task of the business, seen and steered by the task monitor. */
export function startWorkerRole(services: Services, options: WorkerRoleOptions): Promise<Worker> {
  const { db, fanout, shelf, clock, log, config } = services
  return startManagedWorker(businessHandlers(services), {
    ...options,
    db,
    fanout,
    shelf,
    clock,
    settings: shownConfiguration(config),
    onEvent(event) {
      measureTask(event)
      logTask(services, event)
    },
    onError: error => log.warn({ event: 'worker_troubled', worker: options.name, error }),
    onCommand: (command, fault) =>
      log.info({ event: 'worker_command', worker: options.name, command, fault: fault?.code ?? null }),
  })
}

/** `slots` of each queue. */
export const evenly = (queues: readonly Queue[], slots: number): Partial<Record<Queue, number>> =>
  Object.fromEntries(queues.map(queue => [queue, slots]))

function logTask({ log }: Services, { kind, message, worker, durationMs, error }: TaskEvent): void {
  const fields = {
    event: `task_${kind}`,
    task: message.task,
    taskId: message.id,
    queue: message.queue,
    attempt: message.attempt,
    requestId: message.requestId,
    worker,
    ms: durationMs,
    error,
  }
  if (kind === 'parked' || kind === 'stuck') log.error(fields)
  else if (kind === 'failed' || kind === 'slow' || kind === 'revoked') log.warn(fields)
  else log.debug(fields)
}
