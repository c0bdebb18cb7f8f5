import type { Task } from './task.ts'

/** One connection, from its opening to its end, whichever protocol it speaks. */
export interface Link {
  /** Many requests at once (HTTP/2), or one after the other (HTTP/1.1). */
  readonly multiplexes: boolean
  /** Whether the peer showed that it speaks the protocol. */
  readonly opened: boolean
  /** Whether it answered something, or had nothing to answer: not so, the next attempt waits longer. */
  wasUseful(): boolean
  /** How many more requests it takes now. */
  room(): number
  /** Sends the task's request; what becomes of it comes through `task.settle` or `events.returned`. */
  start(task: Task): void
  /** An answer did not come: finds out whether the peer is still there. */
  suspect(): void
  /** Takes no new requests, ends when those under way have. */
  retire(): void
  /** Lets requests under way end, for `withinMs` at most. */
  close(withinMs: number): Promise<void>
}

export interface LinkEvents {
  /** Ready for its first request. */
  opened(): void
  /** Able to take more requests. */
  room(): void
  /** Takes no new requests any more; those under way may still end well. */
  gone(reason: string): void
  /** The connection has ended. */
  closed(): void
  /** A request that the peer certainly did not process. */
  returned(task: Task, reason: string): void
}

/** What is asked of every connection. */
export interface LinkOptions {
  /** `https://host:port` */
  origin: string
  /** Of the POSTs. */
  path: string
  contentType: string
  /** Of an HTTP/2 connection; less when the peer says so. */
  mostStreams: number
  /** Until the peer shows that it speaks HTTP/2. */
  connectTimeoutMs: number
  /** How long a silent peer may take to answer a ping before the connection is given up. */
  pingTimeoutMs: number
  /** After so long an HTTP/1.1 connection makes room for a new one, which may get HTTP/2. */
  http1LifeMs: number
}

/** Of an answer no more is read. */
export const LARGEST_ANSWER = 64 * 1024

export const reasonOf = (error: Error & { code?: unknown }): string =>
  typeof error.code === 'string' ? error.code : error.message
