export type { Fault, Reply } from './control/protocol.ts'
export { type Asked, openRemote, type Remote } from './control/remote.ts'
export { Handlers } from './handlers.ts'
export { inProcessBroker } from './in-process.ts'
export { type ManagedWorkerOptions, startManagedWorker } from './managed.ts'
export { enqueue, type Relay, startRelay } from './outbox.ts'
export { MOST_SLOTS } from './pool.ts'
export { type RabbitMqOptions, rabbitMqBroker } from './rabbitmq/index.ts'
export { readResult, type TaskResult } from './results.ts'
export { forgetRevocations, persistRevocations } from './revocations.ts'
export * from './types.ts'
export * from './watching.ts'
export {
  type ActiveTask,
  startWorker,
  type TaskEvent,
  type Worker,
  type WorkerEnd,
  type WorkerOptions,
} from './worker.ts'
