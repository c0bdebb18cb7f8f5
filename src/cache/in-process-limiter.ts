import type { Clock } from '../lib/clock.ts'
import { Lru } from './lru.ts'
import type { Allowance, Limiter } from './types.ts'

const MAX_COUNTERS = 200_000

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
