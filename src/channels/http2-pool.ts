import type { OutgoingHttpHeaders } from 'node:http2'
import { whenAborted } from './aborts.ts'
import { type Exchange, Link, type Task } from './http2-link.ts'

export interface Http2PoolOptions {
  /** `https://host:port` */
  origin: string
  /** PEM of the authorities to trust instead of the public ones. */
  ca: string | undefined
  connections: number
  /** Per connection; less when the peer says so. */
  mostStreams: number
  connectTimeoutMs: number
  /** How long a silent peer may take to answer a ping before the connection is given up. */
  pingTimeoutMs: number
  random(): number
  onTrouble(reason: string): void
}

export interface Http2Pool {
  /**
   * One POST, answered or not within `timeoutMs`. Rejects only with the signal's reason. A request that the peer
   * certainly did not process is given to another connection by itself.
   */
  post(
    request: { headers: OutgoingHttpHeaders; body: Buffer },
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Exchange>
  /** Whether the last attempt to connect failed and no connection is open. */
  unreachable(): boolean
  close(): Promise<void>
}

/** A place for a connection, which outlives the connections in it. */
interface Slot {
  link: Link | null
  /** Connections in a row that came to nothing. */
  failures: number
  /** Whether a connection was here before: the next one waits a little, so that not everyone comes back at once. */
  used: boolean
  opening: NodeJS.Timeout | null
}

const MOST_WAITING = 10_000
const MOST_RETURNS = 2
const FIRST_BACKOFF_MS = 250
const LONGEST_BACKOFF_MS = 10_000
const CLOSING_MS = 5_000

/** A few HTTP/2 connections to one origin, opened when needed, opened again with jitter when lost. */
export function openHttp2Pool(options: Http2PoolOptions): Http2Pool {
  const slots: Slot[] = Array.from({ length: options.connections }, () => ({
    link: null,
    failures: 0,
    used: false,
    opening: null,
  }))
  const links = new Set<Link>()
  const waiting: Task[] = []
  let lastFailure = 'not connected'
  let closed = false

  function dispatch(task: Task): void {
    const link = roomiest()
    for (const slot of slots) openSoon(slot)
    if (link) link.start(task)
    else if (closed || hopeless()) task.settle({ kind: 'unreached', reason: lastFailure })
    else if (waiting.length >= MOST_WAITING) task.settle({ kind: 'unreached', reason: 'too many waiting' })
    else waiting.push(task)
  }

  function roomiest(): Link | null {
    let best: Link | null = null
    let most = 0
    for (const { link } of slots) {
      const room = link?.room() ?? 0
      if (room > most) {
        best = link
        most = room
      }
    }
    return best
  }

  /** Nothing is open and every place failed the last time: whoever waits would wait for nothing. */
  const hopeless = (): boolean => slots.every(slot => !slot.link?.opened && slot.failures > 0)

  function openSoon(slot: Slot): void {
    if (slot.link !== null || slot.opening !== null || closed) return
    const longest = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** slot.failures)
    slot.opening = setTimeout(() => open(slot), slot.used ? longest * options.random() : 0)
    slot.opening.unref()
  }

  function open(slot: Slot): void {
    slot.opening = null
    slot.used = true
    const link: Link = new Link(options, {
      room: serveWaiting,
      gone: reason => {
        slot.link = null
        slot.failures = link.wasUseful() ? 0 : slot.failures + 1
        if (slot.failures > 0) {
          lastFailure = reason
          options.onTrouble(reason)
          openSoon(slot)
        }
        serveWaiting()
      },
      closed: () => links.delete(link),
      returned: (task, reason) => {
        task.returns += 1
        if (task.settled) return
        if (task.returns > MOST_RETURNS) task.settle({ kind: 'unreached', reason })
        else dispatch(task)
      },
    })
    slot.link = link
    links.add(link)
  }

  function serveWaiting(): void {
    while (waiting.length > 0) {
      const link = roomiest()
      if (!link && !hopeless()) return
      const task = waiting.shift()
      if (!task || task.settled) continue
      if (link) link.start(task)
      else task.settle({ kind: 'unreached', reason: lastFailure })
    }
  }

  return {
    post: ({ headers, body }, timeoutMs, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason)
          return
        }
        const task: Task = {
          headers,
          body,
          settled: false,
          returns: 0,
          sentOn: null,
          cancel: null,
          settle: exchange => {
            if (finish()) resolve(exchange)
          },
        }
        const timer = setTimeout(() => {
          task.sentOn?.suspect()
          task.settle({ kind: task.sentOn ? 'lost' : 'unreached', reason: 'timeout' })
          task.cancel?.()
        }, timeoutMs)
        const stopListening = whenAborted(signal, () => {
          if (finish()) reject(signal?.reason)
          task.cancel?.()
        })
        function finish(): boolean {
          if (task.settled) return false
          task.settled = true
          clearTimeout(timer)
          stopListening()
          return true
        }
        dispatch(task)
      }),
    unreachable: hopeless,
    close: async () => {
      closed = true
      lastFailure = 'closed'
      for (const slot of slots) clearTimeout(slot.opening ?? undefined)
      for (const task of waiting.splice(0)) task.settle({ kind: 'unreached', reason: lastFailure })
      await Promise.all([...links].map(link => link.close(CLOSING_MS)))
    },
  }
}
