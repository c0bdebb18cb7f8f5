import type { Clock } from '../lib/clock.ts'
import type { Bucket, BucketSize } from './types.ts'

/** A bucket of a single process. Throws a `RangeError` when its size makes no sense. */
export function inProcessBucket(clock: Clock, size: BucketSize): Bucket {
  checkBucket(size)
  const perMs = size.perSecond / 1_000
  let tokens = size.size
  let at = clock.now()
  return {
    async take(wanted, urgent) {
      const now = clock.now()
      tokens = Math.min(size.size, tokens + Math.max(0, now - at) * perMs)
      at = now
      const left = urgent ? 0 : size.reserve
      const granted = Math.max(0, Math.min(wanted, Math.floor(tokens - left)))
      tokens -= granted
      if (granted >= wanted) return { granted, waitMs: 0 }
      const rest = Math.min(wanted - granted, Math.max(1, Math.floor(size.size - left)))
      return { granted, waitMs: Math.ceil((left + rest - tokens) / perMs) }
    },
  }
}

/** Throws a `RangeError` when a bucket of this size could never give what it promises. */
export function checkBucket({ perSecond, size, reserve }: BucketSize): void {
  if (!(perSecond > 0 && reserve >= 0 && size - reserve >= 1)) {
    throw new RangeError(`a bucket of ${size} with a reserve of ${reserve}, ${perSecond} a second`)
  }
}
