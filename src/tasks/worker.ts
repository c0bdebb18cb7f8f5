import { type Clock, systemClock } from '../lib/clock.ts'
import { endsWithin } from '../lib/ends-within.ts'
import { inSpan, type Span } from '../observability/index.ts'
import type { Handlers, Registered } from './handlers.ts'
import { MOST_SLOTS, openPool, type Pool } from './pool.ts'
import { startTask } from './traces.ts'
import { type Broker, DELAYS_MS, type Message, type Queue, type TaskDefinition } from './types.ts'

/**
 * What happens to tasks, for logs, metrics and the task monitor. A failure is 'failed' and then 'retried' or 'parked'.
 * 'revoked': refused when it arrived, or told to end while it ran, however it ended then. 'interrupted': given back by a
 * worker that had to stop. 'slow' and 'stuck' are about a task that goes on: longer than expected, or though it was told
 * to end.
 */
export interface TaskEvent {
  kind:
    | 'started'
    | 'succeeded'
    | 'failed'
    | 'retried'
    | 'parked'
    | 'revoked'
    | 'interrupted'
    | 'slow'
    | 'stuck'
  message: Message
  worker: string
  /** When, in ms. */
  at: number
  /** When the task began, in ms; absent when it never did. */
  startedAt?: number
  /** ms, of what has ended. */
  durationMs?: number
  error?: unknown
}

export interface WorkerOptions {
  name: string
  broker: Broker
  /** Slots of each queue that this worker serves. */
  queues: Partial<Record<Queue, number>>
  onEvent: (event: TaskEvent) => void
  clock?: Clock
  /** Whether a task that arrives is refused. */
  isRevoked?: (id: string) => boolean
  /** ms that a task has to obey its signal before it counts as stuck. */
  obeyMs?: number
  /** ms between looks for slow and stuck tasks. */
  lookMs?: number
}

export interface ActiveTask {
  message: Message
  startedAt: number
  isSlow: boolean
  isStuck: boolean
}

export interface Counts {
  succeeded: number
  failed: number
}

/** Why a worker ended: somebody stopped it, or a task that did not obey left it no choice. */
export type WorkerEnd = 'stopped' | 'stuck'

export interface Worker {
  readonly name: string
  /** Slots of each queue that it serves now. */
  readonly queues: Partial<Record<Queue, number>>
  active(): ActiveTask[]
  /** What the broker handed over and that waits for a slot. */
  reserved(): Message[]
  counts(): Counts
  /** Sets the slots of a queue that it serves; false when it does not. */
  resize(queue: Queue, slots: number): Promise<boolean>
  /** Serves one more queue; false when it does already. */
  addConsumer(queue: Queue, slots: number): Promise<boolean>
  /** Serves a queue no more, and finishes what it holds of it; false when it did not. */
  cancelConsumer(queue: Queue): boolean
  /**
   * Ends the signal of a task under way; false when it is not. It is not tried again. One that does not obey within
   * `obeyMs` makes the worker drain and end as 'stuck'.
   */
  terminate(id: string): boolean
  isDraining(): boolean
  /**
   * Takes no more, gives what it holds `graceMs` to finish, then aborts it. What does not even obey that is left behind
   * after `ABANDON_MS`: its message is not acknowledged, so it comes again.
   */
  stop(graceMs?: number): Promise<void>
  /** Resolves when it has ended. */
  readonly ended: Promise<WorkerEnd>
}

interface Running extends ActiveTask {
  task: TaskDefinition
  abort: AbortController
  /** When it was told to end by itself, in ms. */
  terminatedAt: number | null
}

const ABANDON_MS = 1_000
const GRACE_MS = 10_000
const OBEY_MS = 10_000
const LOOK_MS = 1_000
/** ms after which a task counts as slow that does not say it itself. */
export const SLOW_MS = 60_000

/**
 * Starts a worker: takes messages of its queues, validates them, runs their handlers, and by the task's policy puts
 * what failed on a delay or aside. A message is acknowledged after the work.
 */
export async function startWorker(handlers: Handlers, options: WorkerOptions): Promise<Worker> {
  const { broker, name, clock = systemClock, isRevoked = () => false, obeyMs = OBEY_MS } = options
  const pools = new Map<Queue, Pool>()
  const opening = new Set<Queue>()
  /** Stops under way of queues that are served no more. */
  const leaving = new Set<Promise<void>>()
  const running = new Set<Running>()
  const counts: Counts = { succeeded: 0, failed: 0 }
  const ended = Promise.withResolvers<WorkerEnd>()
  let onlyStuckLeft: () => void = () => undefined
  let cause: WorkerEnd = 'stopped'
  let draining = false
  let aborting = false

  const tell = (kind: TaskEvent['kind'], message: Message, more: Partial<TaskEvent> = {}) =>
    options.onEvent({ kind, message, worker: name, at: clock.now(), ...more })

  async function park(message: Message, reason: string, more: Partial<TaskEvent> = {}): Promise<void> {
    await broker.park(message, reason)
    tell('parked', message, { error: reason, ...more })
  }

  async function take(message: Message): Promise<void> {
    if (aborting) throw new Error('the worker stops')
    if (isRevoked(message.id)) return tell('revoked', message)
    const registered = handlers.get(message.task)
    if (!registered) return park(message, `unknown task ${message.task}`)
    if (!registered.validator.Check(message.payload)) return park(message, 'payload against its schema')
    const span = startTask(message)
    try {
      await inSpan(span, () => work(message, registered, span))
    } finally {
      span?.end()
    }
  }

  async function work(
    message: Message,
    { task, handler }: Registered,
    span: Span | undefined,
  ): Promise<void> {
    const abort = new AbortController()
    const startedAt = clock.now()
    const one: Running = {
      message,
      task,
      startedAt,
      abort,
      isSlow: false,
      isStuck: false,
      terminatedAt: null,
    }
    running.add(one)
    tell('started', message, { startedAt })
    try {
      await handler(message.payload, { message, signal: abort.signal })
      succeed(one)
    } catch (error) {
      span?.fail(error)
      await fail(one, error)
    } finally {
      running.delete(one)
      lookIfOnlyStuckLeft()
    }
  }

  function succeed({ message, startedAt, terminatedAt }: Running) {
    const ending = { startedAt, durationMs: clock.now() - startedAt }
    // Told to end, it may record what it did so far and end well: that is not the success that its name promises.
    if (terminatedAt !== null) return tell('revoked', message, ending)
    counts.succeeded++
    tell('succeeded', message, ending)
  }

  async function fail({ message, task, startedAt, abort, terminatedAt }: Running, error: unknown) {
    const ending = { startedAt, durationMs: clock.now() - startedAt, error }
    if (terminatedAt !== null) return tell('revoked', message, ending)
    // What our own stop cut short has not failed: it goes back to the broker as it was.
    if (abort.signal.aborted) {
      tell('interrupted', message, ending)
      throw error
    }
    counts.failed++
    tell('failed', message, ending)
    if (message.attempt >= task.attempts) {
      return park(message, error instanceof Error ? error.message : String(error), ending)
    }
    const step = Math.min(message.attempt, DELAYS_MS.length) - 1
    const delayMs = DELAYS_MS[step] as number
    const at = clock.now() + delayMs
    await broker.publish([{ ...message, attempt: message.attempt + 1, at, delayMs }])
    tell('retried', message, ending)
  }

  function look(): void {
    const now = clock.now()
    for (const one of running) {
      if (!one.isSlow && now - one.startedAt >= (one.task.slowMs ?? SLOW_MS)) {
        one.isSlow = true
        tell('slow', one.message, { startedAt: one.startedAt })
      }
      if (!one.isStuck && one.terminatedAt !== null && now - one.terminatedAt >= obeyMs) {
        one.isStuck = true
        tell('stuck', one.message, { startedAt: one.startedAt })
        cause = 'stuck'
        void stop()
      }
    }
    lookIfOnlyStuckLeft()
  }

  function lookIfOnlyStuckLeft(): void {
    if (draining && [...running].every(one => one.isStuck)) onlyStuckLeft()
  }

  async function stop(graceMs = GRACE_MS): Promise<void> {
    draining = true
    // A subscription that does not end properly is gone with its connection.
    const finished = Promise.allSettled([...[...pools.values()].map(pool => pool.stop()), ...leaving])
    const onlyStuck = new Promise<void>(resolve => {
      const before = onlyStuckLeft
      onlyStuckLeft = () => {
        before()
        // Those that ended still acknowledge.
        if (running.size > 0) resolve()
      }
    })
    lookIfOnlyStuckLeft()
    if (!(await endsWithin(Promise.race([finished, onlyStuck]), graceMs))) {
      aborting = true
      const reason = new Error('the worker stops')
      for (const pool of pools.values()) pool.giveBack(reason)
      for (const one of running) one.abort.abort(reason)
    }
    await endsWithin(finished, ABANDON_MS)
    clearInterval(looking)
    ended.resolve(cause)
  }

  async function open(queue: Queue, slots: number): Promise<void> {
    opening.add(queue)
    try {
      pools.set(queue, await openPool(broker, queue, bounded(slots), take))
    } finally {
      opening.delete(queue)
    }
  }

  for (const [queue, slots] of Object.entries(options.queues)) await open(queue as Queue, slots)
  const looking = setInterval(look, options.lookMs ?? LOOK_MS)
  looking.unref()
  return {
    name,
    get queues() {
      return Object.fromEntries([...pools].map(([queue, pool]) => [queue, pool.slots()]))
    },
    active: () =>
      [...running].map(({ message, startedAt, isSlow, isStuck }) => ({
        message,
        startedAt,
        isSlow,
        isStuck,
      })),
    reserved: () => [...pools.values()].flatMap(pool => pool.reserved()),
    counts: () => ({ ...counts }),
    async resize(queue, slots) {
      const pool = pools.get(queue)
      if (!pool || draining) return false
      await pool.resize(bounded(slots))
      return true
    },
    async addConsumer(queue, slots) {
      if (pools.has(queue) || opening.has(queue) || draining) return false
      await open(queue, slots)
      return true
    },
    cancelConsumer(queue) {
      const pool = pools.get(queue)
      if (!pool || draining) return false
      pools.delete(queue)
      const gone = pool.stop().finally(() => leaving.delete(gone))
      gone.catch(() => undefined)
      leaving.add(gone)
      return true
    },
    terminate(id) {
      const ones = [...running].filter(one => one.message.id === id && one.terminatedAt === null)
      for (const one of ones) {
        one.terminatedAt = clock.now()
        one.abort.abort(new Error('the task was terminated'))
      }
      return ones.length > 0
    },
    isDraining: () => draining,
    stop,
    ended: ended.promise,
  }
}

const bounded = (slots: number): number => Math.min(MOST_SLOTS, Math.max(1, slots))
