import { maskedError } from '../lib/mask.ts'
import type { ParkedMessage, TaskResult } from '../tasks/index.ts'
import type { SeenTask, SeenWorker } from './floor.ts'
import type { Attempt } from './history-sql.ts'
import type { Parked } from './options.ts'

const at = (ms: number): string => new Date(ms).toISOString()
const iso = (ms: number | null): string | null => (ms === null ? null : at(ms))

/** A worker as the monitor shows it. */
export const viewWorker = ({ state, seenAt, hasNamesake, last }: SeenWorker) => ({
  name: last.name,
  state,
  host: last.host,
  pid: last.pid,
  version: last.version,
  ...(last.role ? { role: last.role } : {}),
  startedAt: at(last.startedAt),
  lastSeenAt: at(seenAt),
  ...(hasNamesake ? { namesake: true } : {}),
  queues: last.queues,
  active: last.activeCount,
  slow: last.active.filter(task => task.slow).length,
  stuck: last.active.filter(task => task.stuck).length,
  succeeded: last.succeeded,
  failed: last.failed,
  ratePerSecond: last.ratePerSecond,
  loopDelayMs: last.loopDelayMs,
  memoryBytes: last.memoryBytes,
  dropped: last.dropped,
})

/** A task of which workers tell. */
export const viewSeen = (task: SeenTask) => ({
  id: task.id,
  name: task.name,
  queue: task.queue,
  state: task.state,
  worker: task.worker,
  attempt: task.attempt,
  queuedAt: iso(task.queuedAt),
  publishedAt: iso(task.publishedAt),
  startedAt: iso(task.startedAt),
  finishedAt: iso(task.finishedAt),
  runMs: task.runMs,
  ...(task.slow ? { slow: true } : {}),
  ...(task.stuck ? { stuck: true } : {}),
})

/** A task as its attempt in the history tells; field by field, so that its arguments never come along unmasked. */
export const viewAttempt = (attempt: Attempt) => ({
  id: attempt.taskId,
  name: attempt.name,
  queue: attempt.queue,
  worker: attempt.worker,
  state: attempt.state,
  attempt: attempt.attempt,
  requestId: attempt.requestId,
  queuedAt: attempt.queuedAt,
  publishedAt: attempt.publishedAt,
  startedAt: attempt.startedAt,
  finishedAt: attempt.finishedAt,
  runMs: attempt.runMs,
  waitMs: attempt.waitMs,
  error: attempt.error,
  ...(attempt.replayOf ? { replayOf: attempt.replayOf } : {}),
  ...(attempt.resentAt ? { resentAt: attempt.resentAt } : {}),
  ...(attempt.discardedAt ? { discardedAt: attempt.discardedAt } : {}),
})

/** With its arguments, which are ids only; masked all the same. */
export const viewDetail = ({ payload, ...attempt }: Attempt & { payload: unknown }) => ({
  ...viewAttempt(attempt),
  arguments: payload === null ? null : maskedError(JSON.stringify(payload), 2_000),
})

export const viewParkedTask = ({ message, reason, at: since }: ParkedMessage) => ({
  kind: 'task' as const,
  id: message.id,
  name: message.task,
  queue: message.queue,
  attempt: message.attempt,
  reason,
  parkedAt: at(since),
})

/** A task of which only its message is known, which was put aside. */
export const viewKnownParked = ({ id, name, queue, attempt }: ReturnType<typeof viewParkedTask>) => ({
  id,
  name,
  queue,
  attempt,
  state: 'parked',
})

/** A task of which only the result is known. */
export const viewResult = ({ task, ...result }: TaskResult) => ({ name: task, ...result })

export const viewParkedDelivery = ({ parkedAt, ...unit }: Parked) => ({
  kind: 'delivery' as const,
  ...unit,
  parkedAt: parkedAt.toISOString(),
})
