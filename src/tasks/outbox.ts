import type { Static, TSchema } from 'typebox'
import type { Database, Queryable } from '../db/index.ts'
import { newId } from '../lib/id.ts'
import { Problem } from '../lib/problems.ts'
import { type Broker, type Outgoing, QUEUES, type Queue, type TaskDefinition } from './types.ts'

export interface EnqueueOptions {
  queue?: Queue
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
  await tx.query(
    `insert into outbox (task, queue, payload, delay_ms, request_id)
     select $1, $2, payload, $4, $5 from jsonb_array_elements($3::jsonb) payload`,
    [
      task.name,
      options.queue ?? task.queue,
      JSON.stringify(payloads),
      options.delayMs ?? 0,
      options.requestId ?? null,
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
  batch?: number
  onError: (error: unknown) => void
}

interface OutboxRow {
  id: number
  task: string
  queue: Queue
  payload: unknown
  delay_ms: number
  request_id: string | null
  accepted_at: Date
}

/**
 * Moves outbox rows to the broker: a row is deleted in the transaction that saw the broker confirm it, so a crash in
 * between sends it again and never loses it. Several relays work side by side.
 */
export function startRelay({ db, broker, pollMs = 1_000, batch = 500, onError }: RelayOptions): Relay {
  let stopping = false
  let woken = false
  let wakeUp: () => void = () => undefined

  async function relayBatch(queues: readonly Queue[]): Promise<number> {
    return db.tx(async tx => {
      const rows = await tx.query<OutboxRow>(
        `delete from outbox where id in (
           select id from outbox where queue = any($2) order by id limit $1 for update skip locked
         ) returning id, task, queue, payload, delay_ms, request_id, created_at accepted_at`,
        [batch, queues],
      )
      rows.sort((a, b) => a.id - b.id)
      if (rows.length > 0) await broker.publish(rows.map(toMessage))
      return rows.length
    })
  }

  /** Each queue by itself, so that one that takes no more does not hold up the others; gives those that failed. */
  async function relayApart(queues: readonly Queue[]): Promise<Queue[]> {
    const failed: Queue[] = []
    for (const queue of queues) {
      if (stopping) break
      await relayBatch([queue]).catch(error => {
        onError(error)
        failed.push(queue)
      })
    }
    return failed
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
    // Queues that failed are left alone until the next look, however often we are woken meanwhile.
    let resting: readonly Queue[] = []
    let restUntil = 0
    while (!stopping) {
      woken = false
      if (performance.now() >= restUntil) resting = []
      const queues = QUEUES.filter(queue => !resting.includes(queue))
      try {
        while (queues.length > 0 && (await relayBatch(queues)) === batch && !stopping);
      } catch (error) {
        onError(error)
        const isDatabase = error instanceof Problem
        resting = [...resting, ...(isDatabase ? queues : await relayApart(queues))]
        restUntil = performance.now() + pollMs
      }
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
  at: row.accepted_at.getTime() + row.delay_ms,
  delayMs: row.delay_ms,
})
