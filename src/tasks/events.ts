import type { Fanout } from '../cache/index.ts'
import { EVENTS_TOPIC, type EventBatch, MOST_EVENTS, type SeenEvent, timesOf } from './watching.ts'
import type { TaskEvent } from './worker.ts'

export interface EventBatches {
  add(event: TaskEvent): void
  /** How many were not told because there were too many at once. */
  dropped(): number
  /** Tells what is left. */
  stop(): void
}

const EVERY_MS = 200

/** Tells who listens what happens to a worker's tasks, five times a second, at most `MOST_EVENTS` each time. */
export function batchEvents(fanout: Fanout, worker: string, everyMs = EVERY_MS): EventBatches {
  let waiting: SeenEvent[] = []
  let dropped = 0
  let timer: NodeJS.Timeout | undefined

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    if (waiting.length === 0) return
    const batch: EventBatch = { worker, events: waiting }
    waiting = []
    fanout.publish(EVENTS_TOPIC, batch)
  }

  return {
    add(event) {
      const { kind, message, at, startedAt, durationMs } = event
      // A failure is told by what follows from it.
      if (kind === 'failed') return
      if (waiting.length >= MOST_EVENTS) {
        dropped++
        return
      }
      waiting.push({
        kind,
        id: message.id.slice(0, 100),
        task: message.task.slice(0, 100),
        queue: message.queue,
        attempt: message.attempt,
        at,
        ...timesOf(message),
        startedAt: startedAt ?? null,
        runMs: durationMs ?? null,
      })
      timer ??= setTimeout(flush, everyMs)
    },
    dropped: () => dropped,
    stop: flush,
  }
}
