import { describe, expect, it } from 'vitest'
import type { Clock } from '../lib/clock.ts'
import type { Bucket, BucketSize } from './types.ts'

/** What every bucket promises. */
export function promisesOfBucket(name: string, open: (clock: Clock, size: BucketSize) => Bucket): void {
  describe(name, () => {
    function opened(size: BucketSize) {
      let now = 1_000_000
      const bucket = open({ now: () => now }, size)
      return {
        take: (wanted: number, urgent = false) => bucket.take(wanted, urgent),
        advance: (ms: number) => {
          now += ms
        },
      }
    }

    it('is full at first, gives what it has, and says when the rest is there', async () => {
      const { take, advance } = opened({ perSecond: 100, size: 50, reserve: 0 })
      expect(await take(30)).toEqual({ granted: 30, waitMs: 0 })
      expect(await take(30)).toEqual({ granted: 20, waitMs: 100 })
      advance(99)
      expect(await take(10)).toEqual({ granted: 9, waitMs: 1 })
      advance(1)
      expect(await take(1)).toEqual({ granted: 1, waitMs: 0 })
    })

    it('fills evenly, and never over its size', async () => {
      const { take, advance } = opened({ perSecond: 100, size: 50, reserve: 0 })
      await take(50)
      advance(60_000)
      expect((await take(1_000)).granted).toBe(50)
      let granted = 0
      for (let ms = 0; ms < 10_000; ms += 7) {
        advance(7)
        granted += (await take(5)).granted
      }
      expect(granted).toBeGreaterThanOrEqual(999)
      expect(granted).toBeLessThanOrEqual(1_001)
    })

    it('keeps its reserve for the urgent', async () => {
      const { take, advance } = opened({ perSecond: 100, size: 50, reserve: 20 })
      expect(await take(50)).toEqual({ granted: 30, waitMs: 200 })
      expect(await take(1)).toEqual({ granted: 0, waitMs: 10 })
      expect(await take(15, true)).toEqual({ granted: 15, waitMs: 0 })
      expect(await take(10, true)).toEqual({ granted: 5, waitMs: 50 })
      // The reserve fills first.
      advance(200)
      expect(await take(1)).toEqual({ granted: 0, waitMs: 10 })
      advance(10)
      expect(await take(1)).toEqual({ granted: 1, waitMs: 0 })
    })

    it('who wants more than it holds hears when it is as full as it gets', async () => {
      const { take } = opened({ perSecond: 10, size: 5, reserve: 2 })
      expect(await take(100)).toEqual({ granted: 3, waitMs: 300 })
      expect(await take(100, true)).toEqual({ granted: 2, waitMs: 500 })
    })

    it('a clock that goes back takes nothing away', async () => {
      const { take, advance } = opened({ perSecond: 10, size: 5, reserve: 0 })
      await take(3)
      advance(-5_000)
      expect((await take(2)).granted).toBe(2)
    })

    it('does not open when it could never give anything', () => {
      for (const size of [
        { perSecond: 0, size: 5, reserve: 0 },
        { perSecond: 1, size: 5, reserve: 5 },
        { perSecond: 1, size: 5, reserve: -1 },
      ]) {
        expect(() => opened(size)).toThrow(RangeError)
      }
    })
  })
}
