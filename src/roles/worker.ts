import { accountsHandlers } from '../modules/accounts/index.ts'
import { broadcastHandlers } from '../modules/broadcasts/index.ts'
import { deliveryHandlers } from '../modules/notifications/index.ts'
import type { Services } from '../services.ts'
import {
  type Broker,
  Handlers,
  type Queue,
  startWorker,
  type TaskEvent,
  type Worker,
} from '../tasks/index.ts'

/** Every task of the business with its handler. */
export function businessHandlers(services: Services): Handlers {
  const handlers = new Handlers()
  accountsHandlers(handlers, services)
  deliveryHandlers(handlers, services)
  broadcastHandlers(handlers, services)
  return handlers
}

/** Starts a worker on the queues given, each with `WORKER_SLOTS` tasks at once. */
export function startWorkerRole(
  services: Services,
  broker: Broker,
  name: string,
  queues: readonly Queue[],
): Promise<Worker> {
  const slots = services.config.workerSlots
  return startWorker(businessHandlers(services), {
    name,
    broker,
    queues: Object.fromEntries(queues.map(queue => [queue, slots])),
    onEvent: event => logTask(services, event),
  })
}

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
  if (kind === 'parked') log.error(fields)
  else if (kind === 'failed') log.warn(fields)
  else log.debug(fields)
}
