import type { Clock } from '../lib/clock.ts'
import { Lru } from './lru.ts'
import type { Allowance, Cache, Fanout, Limiter } from './types.ts'

const MAX_BYTES = 64 * 1024 * 1024
const MAX_SCOPES = 200_000
const MAX_COUNTERS = 200_000

/** The cache of a single process. */
export function inProcessCache(clock: Clock): Cache {
  const answers = new Lru<{ answer: string | Buffer; until: number }>(MAX_BYTES)
  const versions = new Lru<number>(MAX_SCOPES)
  const flights = new Map<string, Promise<string | Buffer>>()
  // A forgotten scope starts again at a number that was never used, so what was kept under it stays unreachable.
  let next = 0

  const version = (scope: string): number => {
    let known = versions.get(scope)
    if (known === undefined) {
      known = ++next
      versions.set(scope, known)
    }
    return known
  }

  async function fill(key: string, ttlMs: number, load: () => Promise<string | Buffer>) {
    const answer = await load()
    const size = typeof answer === 'string' ? answer.length * 2 : answer.length
    answers.set(key, { answer, until: clock.now() + ttlMs }, size + key.length * 2 + 100)
    return answer
  }

  function read(
    key: string,
    scopes: readonly string[],
    ttlMs: number,
    load: () => Promise<string | Buffer>,
  ): string | Buffer | Promise<string | Buffer> {
    // Versions first and counted, so that no key can be read as another key with other versions.
    let full = `${scopes.length}`
    for (const scope of scopes) full += `|${version(scope)}`
    full += `|${key}`
    const kept = answers.get(full)
    if (kept && kept.until > clock.now()) return kept.answer
    const underWay = flights.get(full)
    if (underWay) return underWay
    const flight = fill(full, ttlMs, load).finally(() => flights.delete(full))
    flights.set(full, flight)
    return flight
  }

  return {
    async text(key, scopes, ttlMs, load) {
      return (await read(`text ${key}`, scopes, ttlMs, load)) as string
    },
    bytes(key, scopes, ttlMs, load) {
      const encoded = async () => {
        const answer = await load()
        return typeof answer === 'string' ? Buffer.from(answer) : answer
      }
      return read(`bytes ${key}`, scopes, ttlMs, encoded) as Buffer | Promise<Buffer>
    },
    async bump(...scopes) {
      for (const scope of scopes) versions.set(scope, ++next)
    },
    state: () => 'ok',
    async close() {
      flights.clear()
    },
  }
}

/**
 * Fan-out within a single process. A listener that throws stops neither the publisher nor the others; its error goes to
 * `onError`, or else ends the process as any error that nobody handles.
 */
export function inProcessFanout(onError: (error: unknown) => void = throwLater): Fanout {
  const topics = new Map<string, Set<(message: unknown) => void>>()
  return {
    publish(topic, message) {
      for (const listener of [...(topics.get(topic) ?? [])]) {
        try {
          listener(message)
        } catch (error) {
          onError(error)
        }
      }
    },
    subscribe(topic, listener) {
      // One's own, so that the same function may subscribe twice and each leaves by itself.
      const own = (message: unknown) => listener(message)
      const listeners = topics.get(topic) ?? new Set()
      topics.set(topic, listeners.add(own))
      return () => {
        listeners.delete(own)
        if (listeners.size === 0 && topics.get(topic) === listeners) topics.delete(topic)
      }
    },
  }
}

const throwLater = (error: unknown): void =>
  queueMicrotask(() => {
    throw error
  })

/**
 * Allowances of a single process: a sliding window over two fixed ones, the one before weighted by what is left of it
 * (two numbers per key, never a list).
 */
export function inProcessLimiter(clock: Clock): Limiter {
  const counters = new Lru<{ window: number; count: number; before: number }>(MAX_COUNTERS)
  return {
    take(key, limit, windowMs): Allowance {
      const now = clock.now()
      const window = Math.floor(now / windowMs)
      const known = counters.get(key)
      const counter =
        known?.window === window
          ? known
          : { window, count: 0, before: known?.window === window - 1 ? known.count : 0 }
      if (counter !== known) counters.set(key, counter)
      const elapsed = (now % windowMs) / windowMs
      const used = counter.count + counter.before * (1 - elapsed)
      if (used + 1 > limit) {
        return { ok: false, remaining: 0, retryAfterMs: retryAfter(counter, limit, elapsed, windowMs) }
      }
      counter.count++
      return { ok: true, remaining: Math.floor(limit - used - 1), retryAfterMs: 0 }
    },
    async forget(key) {
      counters.delete(key)
    },
  }
}

function retryAfter(
  counter: { count: number; before: number },
  limit: number,
  elapsed: number,
  windowMs: number,
): number {
  const room = limit - 1 - counter.count
  // In this window once enough of the one before has faded, else in the next, where this one fades.
  const share =
    room >= 0 && counter.before > 0
      ? 1 - room / counter.before - elapsed
      : 1 - elapsed + Math.max(0, 1 - (limit - 1) / counter.count)
  return Math.max(1, Math.ceil(share * windowMs))
}
