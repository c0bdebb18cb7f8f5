import type { Static, TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import {
  type Broker,
  type Consumer,
  DELAYS_MS,
  type Handler,
  type Message,
  type Queue,
  type TaskDefinition,
} from './types.ts'

/** What happens to tasks, for logs, metrics and the task monitor. */
export interface TaskEvent {
  kind: 'started' | 'succeeded' | 'failed' | 'retried' | 'parked'
  message: Message
  worker: string
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
}

export interface ActiveTask {
  message: Message
  startedAt: number
}

export interface Worker {
  readonly name: string
  readonly queues: Partial<Record<Queue, number>>
  active(): ActiveTask[]
  counts(): { succeeded: number; failed: number }
  /**
   * Takes no more, gives what it holds `graceMs` to finish, then aborts it. What does not even obey that is left behind
   * after `ABANDON_MS`: its message is not acknowledged, so it comes again.
   */
  stop(graceMs?: number): Promise<void>
}

interface Registered {
  task: TaskDefinition
  validator: Validator
  handler: Handler
}

const ABANDON_MS = 1_000

/** The handlers of a worker: each task once. */
export class Handlers {
  readonly #byName = new Map<string, Registered>()

  on<Schema extends TSchema>(
    task: TaskDefinition<Schema>,
    handler: (payload: Static<Schema>, context: Parameters<Handler>[1]) => Promise<void>,
  ): void {
    if (this.#byName.has(task.name)) throw new Error(`Task ${task.name} has two handlers.`)
    this.#byName.set(task.name, {
      task,
      validator: Compile(task.payload),
      handler: handler as Handler,
    })
  }

  get(name: string): Registered | undefined {
    return this.#byName.get(name)
  }
}

/**
 * Starts a worker: takes messages of its queues, validates them, runs their handlers, and by the task's policy puts
 * what failed on a delay or aside. A message is acknowledged after the work.
 */
export async function startWorker(handlers: Handlers, options: WorkerOptions): Promise<Worker> {
  const { broker, name, onEvent } = options
  const active = new Map<string, ActiveTask>()
  const abort = new AbortController()
  let succeeded = 0
  let failed = 0

  async function park(message: Message, reason: string): Promise<void> {
    await broker.park(message, reason)
    onEvent({ kind: 'parked', message, worker: name, error: reason })
  }

  async function take(message: Message): Promise<void> {
    const registered = handlers.get(message.task)
    if (!registered) return park(message, `unknown task ${message.task}`)
    if (!registered.validator.Check(message.payload)) return park(message, 'payload against its schema')
    const startedAt = Date.now()
    active.set(message.id, { message, startedAt })
    onEvent({ kind: 'started', message, worker: name })
    try {
      await registered.handler(message.payload, { message, signal: abort.signal })
      succeeded++
      onEvent({ kind: 'succeeded', message, worker: name, durationMs: Date.now() - startedAt })
    } catch (error) {
      // What our own stop cut short has not failed: it goes back to the broker as it was.
      if (abort.signal.aborted) throw error
      failed++
      onEvent({ kind: 'failed', message, worker: name, durationMs: Date.now() - startedAt, error })
      await retry(message, registered.task, error)
    } finally {
      active.delete(message.id)
    }
  }

  async function retry(message: Message, task: TaskDefinition, error: unknown): Promise<void> {
    if (message.attempt >= task.attempts) {
      return park(message, error instanceof Error ? error.message : String(error))
    }
    const step = Math.min(message.attempt, DELAYS_MS.length) - 1
    await broker.publish([{ ...message, attempt: message.attempt + 1, delayMs: DELAYS_MS[step] as number }])
    onEvent({ kind: 'retried', message, worker: name, error })
  }

  const consumers: Consumer[] = []
  for (const [queue, slots] of Object.entries(options.queues)) {
    consumers.push(await broker.consume(queue as Queue, slots, take))
  }
  return {
    name,
    queues: options.queues,
    active: () => [...active.values()],
    counts: () => ({ succeeded, failed }),
    async stop(graceMs = 10_000) {
      const finished = Promise.all(consumers.map(consumer => consumer.stop()))
      if (await endsWithin(finished, graceMs)) return
      abort.abort(new Error('the worker stops'))
      await endsWithin(finished, ABANDON_MS)
    },
  }
}

async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>(resolve => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const ended = await Promise.race([work.then(() => true), late])
  clearTimeout(timer)
  return ended
}
