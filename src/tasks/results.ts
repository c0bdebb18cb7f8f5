import type { Shelf } from '../cache/types.ts'
import { maskedError } from '../lib/mask.ts'
import type { TaskEvent } from './worker.ts'

/** What became of the last attempt at a task; kept for an hour. */
export interface TaskResult {
  id: string
  task: string
  state: 'succeeded' | 'retried' | 'parked' | 'revoked'
  attempt: number
  worker: string
  finishedAt: string
  runMs: number | null
  error: string | null
}

export interface Results {
  add(event: TaskEvent): void
  dropped(): number
}

const HOUR = 3_600_000
/** Results on their way to a shelf that is slow. */
const MOST_UNDER_WAY = 1_000
const ENDS: ReadonlySet<string> = new Set(['succeeded', 'retried', 'parked', 'revoked'])

const keyOf = (id: string): string => `task-result:${id}`

/** Puts the result of each task on a shelf. Tasks never wait for it; what a slow or absent shelf does not take is dropped. */
export function keepResults(shelf: Shelf, onError: (error: unknown) => void): Results {
  let underWay = 0
  let dropped = 0
  return {
    add({ kind, message, worker, at, durationMs, error }) {
      if (!ENDS.has(kind)) return
      if (underWay >= MOST_UNDER_WAY) {
        dropped++
        return
      }
      const result: TaskResult = {
        id: message.id,
        task: message.task,
        state: kind as TaskResult['state'],
        attempt: message.attempt,
        worker,
        finishedAt: new Date(at).toISOString(),
        runMs: durationMs ?? null,
        error: error === undefined ? null : maskedError(error),
      }
      underWay++
      shelf
        .put(keyOf(message.id), JSON.stringify(result), HOUR)
        .catch(error => {
          // The first of a row says it.
          if (dropped++ === 0) onError(error)
        })
        .finally(() => underWay--)
    },
    dropped: () => dropped,
  }
}

/** The result of a task that ended within the last hour; null when there is none. */
export async function readResult(shelf: Shelf, id: string): Promise<TaskResult | null> {
  const text = await shelf.get(keyOf(id))
  return text === null ? null : (JSON.parse(text) as TaskResult)
}
