import type { Static, TSchema } from 'typebox'

/** The four queues, most pressing first; each has its own consumers and slots. */
export const QUEUES = ['urgent', 'high_priority', 'normal', 'low_priority'] as const
export type Queue = (typeof QUEUES)[number]

export type Priority = 'urgent' | 'high' | 'normal' | 'low'

/** The queue of a priority that a person chooses. */
export const queueOf = (priority: Priority): Queue =>
  priority === 'high' ? 'high_priority' : priority === 'low' ? 'low_priority' : priority

/** Retries wait this long, by attempt; never inside a worker. */
export const DELAYS_MS = [10_000, 60_000, 300_000, 1_800_000] as const

/** The longest that a message may be asked to wait: retries are spread over up to a fifth more than their step. */
export const LONGEST_DELAY_MS = 2_160_000

/** The step at which a retry waits at least `ms`. */
export const delayStep = (ms: number): number =>
  DELAYS_MS.find(step => step >= ms) ?? (DELAYS_MS.at(-1) as number)

/** A task: a name and a schema, kept apart from its handler so that who publishes never imports who works. */
export interface TaskDefinition<Schema extends TSchema = TSchema> {
  name: string
  /** Ids only: what is secret or personal stays in PostgreSQL. */
  payload: Schema
  /** Where it goes unless the publisher says otherwise. */
  queue: Queue
  /** After how many failures it is parked; each waits one more step of DELAYS_MS. */
  attempts: number
  /** After how long under way (ms) it is reported as slow; a minute when absent. It goes on. */
  slowMs?: number
}

export function defineTask<Schema extends TSchema>(definition: TaskDefinition<Schema>) {
  return definition
}

export interface Message {
  id: string
  task: string
  queue: Queue
  payload: unknown
  /** 1 the first time. */
  attempt: number
  /** The request that caused it: joins logs of API, queue and worker. */
  requestId: string | null
  /** From when on (ms) it could be worked on: when it was accepted, and its delay after. */
  at?: number
  /** When this attempt was given to the broker (ms, clock of who gave it); the broker notes it. */
  publishedAt?: number
  /** The task that a person sent again as this one; its own id when it came out of the parking. */
  replayOf?: string
  /** The trace that it belongs to, as W3C Trace Context writes it; the same for all attempts. */
  traceParent?: string
}

export interface Outgoing extends Message {
  /**
   * Not before this many ms; 0 for at once, LONGEST_DELAY_MS at most. Behind others it may be longer: up to a second, or
   * to a fifth more than its step.
   */
  delayMs: number
}

export interface TaskContext {
  message: Message
  /** Ends when the task is cancelled or its worker must stop now. */
  signal: AbortSignal
}

/** Does the work of one message; rejecting means "try again by the task's policy". */
export type Handler<Schema extends TSchema = TSchema> = (
  payload: Static<Schema>,
  context: TaskContext,
) => Promise<void>

export interface ParkedMessage {
  message: Message
  reason: string
  at: number
}

/** Parked messages of a queue that are looked at, oldest first: they are listed, replayed and discarded by id. */
export const PARKED_LISTED = 250

export interface QueueDepth {
  queue: Queue
  ready: number
  /** Handed to a consumer of this process, not acknowledged yet. */
  unacknowledged: number
  /** Waiting for a retry. */
  delayed: number
  parked: number
}

export interface Consumer {
  /** No new message; resolves when those in hand are finished. */
  stop(): Promise<void>
}

/** A publication that the broker did not take, or not wholly. */
export class PublishError extends Error {
  /** Ids of the messages that it took all the same; what is in doubt is not among them. */
  readonly taken: ReadonlySet<string>

  constructor(message: string, taken: ReadonlySet<string> = new Set(), cause?: unknown) {
    super(message, { cause })
    this.name = 'PublishError'
    this.taken = taken
  }
}

/**
 * What carries messages. At least once, in no promised order. RabbitMQ in production, in-process in the embedded mode;
 * broker.contract.ts holds for all.
 */
export interface Broker {
  /**
   * Resolves when the broker has taken responsibility for all; rejects with `PublishError` otherwise, within seconds,
   * also when the broker is away or its queue is full. Give it some thousand at a time at most.
   */
  publish(messages: readonly Outgoing[]): Promise<void>
  /**
   * Hands messages of a queue to `take`, at most `slots` at a time; a message is acknowledged when `take` resolves and
   * comes again when it rejects, until it is parked with the reason `delivery_limit`. Goes on by itself when the broker
   * was away, also when it is away at first.
   */
  consume(queue: Queue, slots: number, take: (message: Message) => Promise<void>): Promise<Consumer>
  /** Puts a message aside with its reason, for a person to look at. */
  park(message: Message, reason: string): Promise<void>
  /** The oldest of each queue, PARKED_LISTED at most; without those that another process looks at in this moment. */
  parked(): Promise<ParkedMessage[]>
  /**
   * Publishes parked messages again from their first attempt; returns the ids of those that it did. All when `ids` is
   * absent, else those among the oldest PARKED_LISTED of each queue: one that was not found may be parked all the same,
   * behind those or in the hand of another process.
   */
  replay(ids?: readonly string[]): Promise<string[]>
  /** Forgets parked messages among the oldest PARKED_LISTED of each queue; returns the ids of those that it did. */
  discard(ids: readonly string[]): Promise<string[]>
  depths(): Promise<QueueDepth[]>
  /** Whether a publication would be tried now; `down` too when the broker is there and takes nothing. */
  state(): 'ok' | 'down'
  /** May be called twice. What consumers still hold is given up, and comes again. */
  close(): Promise<void>
}
