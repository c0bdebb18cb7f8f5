import type { ParkedMessage } from '../tasks/index.ts'
import type { SeenTask, SeenWorker } from './floor.ts'
import type { Attempt } from './history-sql.ts'
import type { Parked } from './options.ts'

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

/** A worker as the monitor shows it. */
export const viewWorker = ({ state, seenAt, hasNamesake, last }: SeenWorker) => ({
  name: last.name,
  state,
  host: last.host,
  pid: last.pid,
  version: last.version,
  startedAt: iso(last.startedAt),
  lastSeenAt: iso(seenAt),
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
  startedAt: iso(task.startedAt),
  finishedAt: iso(task.finishedAt),
  runMs: task.runMs,
  ...(task.slow ? { slow: true } : {}),
  ...(task.stuck ? { stuck: true } : {}),
})

/** A task as its attempt in the history tells. */
export const viewAttempt = ({ id: _, taskId, replayOf, resentAt, ...attempt }: Attempt) => ({
  id: taskId,
  ...attempt,
  ...(replayOf ? { replayOf } : {}),
  ...(resentAt ? { resentAt } : {}),
})

export const viewParkedTask = ({ message, reason, at }: ParkedMessage) => ({
  kind: 'task' as const,
  id: message.id,
  name: message.task,
  queue: message.queue,
  attempt: message.attempt,
  reason,
  parkedAt: iso(at),
})

export const viewParkedDelivery = ({ parkedAt, ...unit }: Parked) => ({
  kind: 'delivery' as const,
  ...unit,
  parkedAt: parkedAt.toISOString(),
})
