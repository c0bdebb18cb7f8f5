import type { Database } from '../db/index.ts'
import { UUID } from '../lib/cursor.ts'
import { newId } from '../lib/id.ts'
import { maskedError } from '../lib/mask.ts'
import { Problem } from '../lib/problems.ts'
import type { TaskEvent } from './worker.ts'

export interface History {
  add(event: TaskEvent): void
  /** How many were not kept: too many for a database that was away or slow, or such that it takes none of them. */
  dropped(): number
  /** Writes what is left, once, and does not wait for it longer than two seconds. */
  stop(): Promise<void>
}

export interface HistoryOptions {
  db: Database
  onError: (error: unknown) => void
  flushMs?: number
  /** Rows that may wait for the database. */
  most?: number
}

const FLUSH_MS = 1_000
const STOP_MS = 2_000
const MOST = 10_000
const BATCH = 1_000
const ENDS: ReadonlySet<string> = new Set(['succeeded', 'retried', 'parked', 'revoked', 'interrupted'])

interface Row {
  id: string
  task_id: string
  task: string
  queue: string
  worker: string
  state: string
  attempt: number
  replay_of: string | null
  request_id: string | null
  queued_at: Date | null
  published_at: Date | null
  started_at: Date | null
  finished_at: Date
  run_ms: number | null
  wait_ms: number | null
  error: string | null
  payload: unknown
}

/**
 * Writes what became of every attempt at a task into PostgreSQL, once a second in batches. Tasks never wait for it: what
 * the database does not take is kept and tried again, and the oldest is dropped when it becomes too much.
 */
export function keepHistory({ db, onError, flushMs = FLUSH_MS, most = MOST }: HistoryOptions): History {
  let waiting: Row[] = []
  let dropped = 0
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> | undefined
  let isTroubled = false

  function bound(): void {
    const over = waiting.length - most
    if (over <= 0) return
    waiting.splice(0, over)
    dropped += over
  }

  /** Whether the batch is dealt with; false when the database is away. */
  async function write(rows: readonly Row[]): Promise<boolean> {
    try {
      await insert(db, rows)
      isTroubled = false
      return true
    } catch (error) {
      const isAway = error instanceof Problem && error.code === 'unavailable'
      // Said once, not every second for as long as it lasts.
      if (!isAway || !isTroubled) onError(error)
      isTroubled = isAway
      if (isAway) return false
      if (rows.length === 1) dropped++
      // One row that cannot be kept does not take the others with it.
      else for (const row of rows) await write([row])
      return true
    }
  }

  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, BATCH)
      if (await write(batch)) continue
      waiting = [...batch, ...waiting]
      bound()
      return
    }
  }

  function later(): void {
    timer ??= setTimeout(() => {
      writing = flush().finally(() => {
        writing = undefined
        timer = undefined
        if (waiting.length > 0) later()
      })
    }, flushMs)
  }

  async function last(): Promise<void> {
    await writing
    clearTimeout(timer)
    await flush()
  }

  return {
    add(event) {
      if (!ENDS.has(event.kind)) return
      const row = rowOf(event)
      if (!row) {
        dropped++
        return
      }
      waiting.push(row)
      bound()
      later()
    },
    dropped: () => dropped,
    async stop() {
      clearTimeout(timer)
      let late: NodeJS.Timeout | undefined
      const patience = new Promise<void>(resolve => {
        late = setTimeout(resolve, STOP_MS)
      })
      await Promise.race([last(), patience])
      clearTimeout(late)
    },
  }
}

function rowOf({ kind, message, worker, at, startedAt, durationMs, error }: TaskEvent): Row | undefined {
  // Ids are ours; a message of somebody else's making is not worth a batch that fails.
  if (!UUID.test(message.id)) return undefined
  const queuedAt = message.at ?? null
  return {
    id: newId(at),
    task_id: message.id,
    task: message.task,
    queue: message.queue,
    worker,
    state: kind,
    attempt: message.attempt,
    replay_of: message.replayOf ?? null,
    request_id: message.requestId,
    queued_at: queuedAt === null ? null : new Date(queuedAt),
    published_at: message.publishedAt === undefined ? null : new Date(message.publishedAt),
    started_at: startedAt === undefined ? null : new Date(startedAt),
    finished_at: new Date(at),
    run_ms: durationMs === undefined ? null : Math.round(durationMs),
    wait_ms:
      queuedAt === null || startedAt === undefined ? null : Math.max(0, Math.round(startedAt - queuedAt)),
    error: error === undefined ? null : maskedError(error),
    payload: kind === 'succeeded' ? null : message.payload,
  }
}

async function insert(db: Database, rows: readonly Row[]): Promise<void> {
  await db.query(
    `insert into task_history (id, task_id, task, queue, worker, state, attempt, replay_of, request_id, queued_at,
       published_at, started_at, finished_at, run_ms, wait_ms, error, payload)
     select id, task_id, task, queue, worker, state, attempt, replay_of, request_id, queued_at,
       published_at, started_at, finished_at, run_ms, wait_ms, error, payload
     from jsonb_to_recordset($1::jsonb) as row (id uuid, task_id uuid, task text, queue text, worker text, state text,
       attempt smallint, replay_of uuid, request_id text, queued_at timestamptz, published_at timestamptz, started_at timestamptz,
       finished_at timestamptz, run_ms integer, wait_ms integer, error text, payload jsonb)
     on conflict (id) do nothing`,
    [JSON.stringify(rows)],
  )
}
