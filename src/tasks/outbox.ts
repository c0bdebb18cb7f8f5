import type { Static, TSchema } from 'typebox'
import type { Database, Queryable } from '../db/index.ts'
import { newId } from '../lib/id.ts'
import { Problem } from '../lib/problems.ts'
import { currentTraceParent } from '../observability/index.ts'
import {
  empty,
  type Generation,
  type OutboxRow,
  otherThan,
  outboxState,
  putBack,
  rotate,
  takeRows,
} from './generations.ts'
import { publishTraced } from './traces.ts'
import {
  type Broker,
  LONGEST_DELAY_MS,
  type Outgoing,
  PublishError,
  QUEUES,
  type Queue,
  type TaskDefinition,
} from './types.ts'

const EMPTY_PAUSE_MS = 20

export interface EnqueueOptions {
  queue?: Queue
  /** LONGEST_DELAY_MS at most. */
  delayMs?: number
  requestId?: string | null
}

/**
 * Writes messages of a task into the outbox, in the caller's transaction: they go out if and only if it commits. Wake
 * the relay after the commit (`tx.afterCommit(relay.wake)`); it also looks by itself.
 */
export async function enqueue<Schema extends TSchema>(
  tx: Queryable,
  task: TaskDefinition<Schema>,
  payloads: readonly Static<Schema>[],
  options: EnqueueOptions = {},
): Promise<void> {
  if (payloads.length === 0) return
  const delayMs = options.delayMs ?? 0
  // No broker would ever take it.
  if (delayMs > LONGEST_DELAY_MS)
    throw new RangeError(`A message waits ${LONGEST_DELAY_MS} ms at most, not ${delayMs}.`)
  await tx.query(
    `insert into outbox (generation, task, queue, payload, delay_ms, request_id, trace_parent)
     select (select current from outbox_state), $1, $2, payload, $4, $5, $6 from jsonb_array_elements($3::jsonb) payload`,
    [
      task.name,
      options.queue ?? task.queue,
      JSON.stringify(payloads),
      delayMs,
      options.requestId ?? null,
      currentTraceParent() ?? null,
    ],
  )
}

export interface Relay {
  /** There may be something to relay: called after a commit, costs nothing. */
  wake(): void
  /** Stops after the batch in hand. */
  stop(): Promise<void>
}

export interface RelayOptions {
  db: Database
  broker: Broker
  /** ms between looks when nobody woke it. */
  pollMs?: number
  /** Rows of a transaction. */
  batch?: number
  /** Transactions at a time when there is much to do. */
  lanes?: number
  /** Rows that this relay takes out of a generation before it is left. */
  rotateAfter?: number
  onError: (error: unknown) => void
}

/**
 * Moves outbox rows to the broker: a row is deleted in the transaction that saw the broker confirm it, so a crash in
 * between sends it again and never loses it. Such a transaction lasts as long as the broker may take to refuse. Several
 * relays work side by side. While the broker is down nothing is tried.
 */
export function startRelay(options: RelayOptions): Relay {
  const { db, broker, pollMs = 1_000, batch = 500, lanes = 2, rotateAfter = 10_000, onError } = options
  let stopping = false
  let woken = false
  let wakeUp: () => void = () => undefined
  /** Queues that failed are left alone until the next look, however often we are woken meanwhile. */
  let resting: readonly Queue[] = []
  let restUntil = 0
  /** Rows that we took out of the generation that is written: they are dead, and in the way. */
  let taken = { generation: 0 as Generation, rows: 0 }
  let emptyAgainAt = 0
  let emptyPauseMs = EMPTY_PAUSE_MS

  async function relayBatch(generation: Generation, queues: readonly Queue[]): Promise<number> {
    let partial: PublishError | undefined
    const count = await db.tx(async tx => {
      const rows = await takeRows(tx, generation, queues, batch)
      if (rows.length === 0) return 0
      rows.sort((a, b) => a.id - b.id)
      const messages = rows.map(toMessage)
      try {
        await publishTraced(broker, messages)
      } catch (error) {
        if (!(error instanceof PublishError) || error.taken.size === 0) throw error
        partial = error
        const left = rows.filter((_, i) => !error.taken.has(messages[i]?.id ?? ''))
        await putBack(tx, generation, left)
      }
      return rows.length
    })
    if (partial) throw partial
    return count
  }

  /** A batch of each generation that may have rows. Says whether there may be more. */
  async function step(queues: readonly Queue[], everywhere: boolean): Promise<boolean> {
    const { current, isOtherEmpty } = await outboxState(db)
    const old = otherThan(current)
    let isMore = false
    if (!isOtherEmpty || everywhere) {
      isMore = (await relayBatch(old, queues)) > 0
      if (!isMore && !isOtherEmpty) await emptyOld(old)
    }
    const count = await relayBatch(current, queues)
    if (taken.generation !== current) taken = { generation: current, rows: 0 }
    taken.rows += count
    if (taken.rows >= rotateAfter && isOtherEmpty) await rotate(db, current)
    return isMore || count === batch
  }

  async function emptyOld(old: Generation): Promise<void> {
    if (performance.now() < emptyAgainAt) return
    // Set before, so that the lanes do not all try. Whoever holds a row of it may do so for long.
    emptyAgainAt = performance.now() + emptyPauseMs
    emptyPauseMs = Math.min(emptyPauseMs * 2, pollMs)
    if (!(await empty(db, old, resting))) return
    emptyAgainAt = 0
    emptyPauseMs = EMPTY_PAUSE_MS
  }

  /** Relays all there is. `everywhere` finds the row of a writer that had chosen a generation just before it was left. */
  async function relayAll(queues: readonly Queue[], everywhere: boolean): Promise<void> {
    if (!(await step(queues, everywhere))) return
    const drain = async () => {
      while (!stopping && (await step(queues, everywhere)));
    }
    const ended = await Promise.allSettled(Array.from({ length: lanes }, drain))
    const failed = ended.find(({ status }) => status === 'rejected')
    if (failed) throw (failed as PromiseRejectedResult).reason
  }

  /** Each queue by itself, so that one that takes no more does not hold up the others; gives those that failed. */
  async function relayApart(queues: readonly Queue[]): Promise<Queue[]> {
    const failed: Queue[] = []
    for (const queue of queues) {
      if (stopping) break
      await step([queue], true).catch(error => {
        onError(error)
        failed.push(queue)
      })
    }
    return failed
  }

  async function look(everywhere: boolean): Promise<void> {
    if (performance.now() >= restUntil) resting = []
    const queues = QUEUES.filter(queue => !resting.includes(queue))
    if (queues.length === 0 || broker.state() === 'down') return
    try {
      await relayAll(queues, everywhere)
    } catch (error) {
      onError(error)
      const isDatabase = error instanceof Problem
      resting = [...resting, ...(isDatabase ? queues : await relayApart(queues))]
      restUntil = performance.now() + pollMs
    }
  }

  async function pause(ms: number): Promise<void> {
    if (woken || stopping) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms)
      wakeUp = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async function loop(): Promise<void> {
    let everywhereAt = 0
    while (!stopping) {
      woken = false
      const everywhere = performance.now() >= everywhereAt
      if (everywhere) everywhereAt = performance.now() + pollMs
      await look(everywhere)
      await pause(pollMs)
    }
  }

  const running = loop()
  return {
    wake() {
      woken = true
      wakeUp()
    },
    async stop() {
      stopping = true
      wakeUp()
      await running
    },
  }
}

const toMessage = (row: OutboxRow): Outgoing => ({
  id: newId(),
  task: row.task,
  queue: row.queue,
  payload: row.payload,
  attempt: 1,
  requestId: row.request_id,
  ...(row.trace_parent === null ? {} : { traceParent: row.trace_parent }),
  at: row.accepted_ms + row.delay_ms,
  delayMs: row.delay_ms,
})
