import type { TLSSocket } from 'node:tls'
import { type Dial, type DialOptions, dialer } from './dial.ts'
import { Http1Link } from './http1-link.ts'
import { Http2Link } from './http2-link.ts'
import { type Link, type LinkEvents, type LinkOptions, reasonOf } from './link.ts'
import { type Exchange, type PushRequest, Task } from './task.ts'
import { openUnderWay } from './under-way.ts'
import { openWaiting } from './waiting.ts'

export interface PoolOptions extends LinkOptions, Omit<DialOptions, 'protocols'> {
  /** HTTP/2 connections. */
  connections: number
  /** HTTP/1.1 connections at most, where HTTP/2 is not to be had. */
  http1Connections: number
  random(): number
  onTrouble(reason: string): void
}

export interface Pool {
  /**
   * One POST, answered or not within `timeoutMs`. Rejects only with the signal's reason. A request that the peer
   * certainly did not process is given to another connection by itself.
   */
  post(request: PushRequest, timeoutMs: number, signal?: AbortSignal): Promise<Exchange>
  /** Whether the last attempt to connect failed and no connection is open. */
  unreachable(): boolean
  close(): Promise<void>
}

/** A place for a connection, which outlives the connections in it. */
interface Slot {
  link: Link | null
  dialling: AbortController | null
  opening: NodeJS.Timeout | null
  /** Connections in a row that came to nothing. */
  failures: number
  /** Whether the next connection waits a little, so that not everyone comes back at once. */
  jitter: boolean
}

const MOST_RETURNS = 2
const FIRST_BACKOFF_MS = 250
const LONGEST_BACKOFF_MS = 10_000
const CLOSING_MS = 5_000

/**
 * Connections to one origin, opened when needed, opened again with jitter when lost: a few of HTTP/2, or many of
 * HTTP/1.1 while the far end (or a proxy that intercepts) offers nothing better. Each new connection asks for HTTP/2
 * first; the first that gets it ends the fallback.
 */
export function openPool(options: PoolOptions): Pool {
  const dial: Dial = dialer({ ...options, protocols: ['h2', 'http/1.1'] })
  const most = Math.max(options.connections, options.http1Connections)
  const slots: Slot[] = Array.from({ length: most }, () => ({
    link: null,
    dialling: null,
    opening: null,
    failures: 0,
    jitter: false,
  }))
  const links = new Set<Link>()
  const waiting = openWaiting()
  const underWay = openUnderWay()
  /** Whether HTTP/1.1 is all that there is now. */
  let fallback = false
  let lastFailure = 'not connected'
  let closed = false

  function dispatch(task: Task): void {
    const link = roomiest()
    if (link) link.start(task)
    else if (closed || hopeless()) task.settle({ kind: 'unreached', reason: lastFailure })
    else if (!waiting.add(task)) task.settle({ kind: 'unreached', reason: 'too many waiting' })
    openMore()
  }

  function roomiest(): Link | null {
    let best: Link | null = null
    let mostRoom = 0
    const places = fallback ? most : options.connections
    for (let i = 0; i < places; i++) {
      const link = slots[i]?.link ?? null
      const room = link?.room() ?? 0
      if (room <= mostRoom) continue
      best = link
      mostRoom = room
      if (fallback) break
    }
    return best
  }

  /** Nothing is open and every place failed the last time: whoever waits would wait for nothing. */
  const hopeless = (): boolean =>
    !slots.some(({ link }) => link?.opened) && inUse().every(({ failures }) => failures > 0)

  const inUse = (): Slot[] => slots.slice(0, fallback ? most : options.connections)

  /** HTTP/2: all connections are there from the first request on. HTTP/1.1: one for each request that waits. */
  function openMore(): void {
    if (!fallback) {
      for (let i = 0; i < options.connections; i++) openSoon(slots[i] as Slot)
      return
    }
    let missing = waiting.size()
    if (missing === 0) return
    for (const slot of slots) if (slot.dialling || slot.opening) missing -= 1
    for (const slot of slots) if (missing > 0 && openSoon(slot)) missing -= 1
  }

  function openSoon(slot: Slot): boolean {
    if (slot.link || slot.dialling || slot.opening || closed) return false
    const longest = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** slot.failures)
    slot.opening = setTimeout(open, slot.jitter ? longest * options.random() : 0, slot)
    slot.opening.unref()
    return true
  }

  function open(slot: Slot): void {
    slot.opening = null
    slot.dialling = new AbortController()
    dial(options.connectTimeoutMs, slot.dialling.signal)
      .then(socket => adopt(slot, socket))
      .catch((error: Error) => {
        slot.dialling = null
        if (!closed) failed(slot, reasonOf(error))
      })
  }

  function adopt(slot: Slot, socket: TLSSocket): void {
    if (socket.destroyed) throw new Error('connection closed')
    slot.dialling = null
    const events = eventsOf(slot, () => link)
    const link: Link =
      socket.alpnProtocol === 'h2'
        ? new Http2Link(socket, options, events)
        : new Http1Link(socket, withJitter(options), events)
    slot.link = link
    links.add(link)
    if (closed) void link.close(0)
    else if (link.opened) opened(link, slot)
  }

  /** They do not all end at once. */
  const withJitter = (given: PoolOptions): PoolOptions => ({
    ...given,
    http1LifeMs: given.http1LifeMs * (0.5 + options.random() / 2),
  })

  function eventsOf(slot: Slot, self: () => Link): LinkEvents {
    return {
      opened: () => opened(self(), slot),
      room: serveWaiting,
      gone: reason => {
        const link = self()
        slot.link = null
        slot.jitter = link.multiplexes
        if (!slots.some(({ link: other }) => other?.opened)) fallback = false
        if (link.wasUseful()) slot.failures = 0
        else failed(slot, reason)
        serveWaiting()
        openMoreIfNeeded()
      },
      closed: () => links.delete(self()),
      returned: (task, reason) => {
        task.returns += 1
        if (task.settled) return
        if (task.returns > MOST_RETURNS) task.settle({ kind: 'unreached', reason })
        else dispatch(task)
      },
    }
  }

  function opened(link: Link, slot: Slot): void {
    if (link.multiplexes) {
      fallback = false
      for (const other of links) if (!other.multiplexes) other.retire()
    } else {
      fallback = !slots.some(other => other.link?.multiplexes && other.link.opened)
      // Asked for while there was nothing better.
      if (!fallback && slots.indexOf(slot) >= options.connections) link.retire()
    }
    serveWaiting()
    openMoreIfNeeded()
  }

  function failed(slot: Slot, reason: string): void {
    slot.failures += 1
    slot.jitter = true
    lastFailure = reason
    options.onTrouble(reason)
    if (slots.indexOf(slot) < options.connections) openSoon(slot)
    serveWaiting()
  }

  function openMoreIfNeeded(): void {
    if (waiting.size() > 0) openMore()
  }

  function serveWaiting(): void {
    while (waiting.size() > 0) {
      const link = roomiest()
      if (!link && !hopeless()) return
      const task = waiting.next()
      if (!task) return
      if (link) link.start(task)
      else task.settle({ kind: 'unreached', reason: lastFailure })
    }
  }

  return {
    post: (request, timeoutMs, signal) =>
      new Promise((done, aborted) => {
        if (signal?.aborted) aborted(signal.reason)
        else dispatch(new Task(request, performance.now() + timeoutMs, signal, { done, aborted }, underWay))
      }),
    unreachable: hopeless,
    close: async () => {
      closed = true
      lastFailure = 'closed'
      for (const { opening, dialling } of slots) {
        clearTimeout(opening ?? undefined)
        dialling?.abort(new Error(lastFailure))
      }
      for (let task = waiting.next(); task; task = waiting.next()) {
        task.settle({ kind: 'unreached', reason: lastFailure })
      }
      await Promise.all([...links].map(link => link.close(CLOSING_MS)))
    },
  }
}
