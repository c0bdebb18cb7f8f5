export { inProcessBroker } from './in-process.ts'
export { enqueue, type Relay, startRelay } from './outbox.ts'
export * from './types.ts'
export { type ActiveTask, Handlers, startWorker, type TaskEvent, type Worker } from './worker.ts'
