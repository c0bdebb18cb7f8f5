import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../lib/clock.ts'
import type { Limiter } from './types.ts'

const WINDOW = 1_000
/** Waits between takes: mostly short, at times over one or two windows. */
const waits = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.nat(5) },
    { weight: 3, arbitrary: fc.nat(400) },
    { weight: 1, arbitrary: fc.nat(2_500) },
  ),
  { minLength: 1, maxLength: 200 },
)
const limits = fc.integer({ min: 1, max: 12 })
const starts = fc.nat(5_000)

/** What every limiter promises; `runs` is how many stories each is told. */
export function promisesOfLimiter(name: string, open: (clock: Clock) => Limiter, runs: number): void {
  /** Takes after each wait; gives the times of those that were allowed. */
  async function play(start: number, limit: number, steps: readonly number[]) {
    let now = start
    const limiter = open({ now: () => now })
    const key = randomUUID()
    const taken: number[] = []
    for (const wait of steps) {
      now += wait
      if ((await limiter.take(key, limit, WINDOW)).ok) taken.push(now)
    }
    return {
      limiter,
      key,
      taken,
      advance: (ms: number) => {
        now += ms
      },
    }
  }

  describe(name, () => {
    it('is never exceeded in a window of the clock, and by less than twice in any stretch of that length', async () => {
      await fc.assert(
        fc.asyncProperty(starts, limits, waits, async (start, limit, steps) => {
          const { taken } = await play(start, limit, steps)
          for (const at of taken) {
            const window = Math.floor(at / WINDOW)
            expect(taken.filter(t => Math.floor(t / WINDOW) === window).length).toBeLessThanOrEqual(limit)
            expect(taken.filter(t => t >= at && t < at + WINDOW).length).toBeLessThan(2 * limit)
          }
        }),
        { numRuns: runs },
      )
    })

    it('gives everything to who waited two windows, all at once', async () => {
      await fc.assert(
        fc.asyncProperty(starts, limits, waits, async (start, limit, steps) => {
          const { limiter, key, advance } = await play(start, limit, steps)
          advance(2 * WINDOW)
          for (let left = limit - 1; left >= 0; left--) {
            expect(await limiter.take(key, limit, WINDOW)).toEqual({
              ok: true,
              remaining: left,
              retryAfterMs: 0,
            })
          }
          expect(await limiter.take(key, limit, WINDOW)).toMatchObject({ ok: false, remaining: 0 })
        }),
        { numRuns: runs },
      )
    })

    it('says truly when one more is allowed: then, and hardly earlier', async () => {
      await fc.assert(
        fc.asyncProperty(starts, limits, waits, fc.boolean(), async (start, limit, steps, early) => {
          const { limiter, key, advance } = await play(start, limit, steps)
          const { ok, retryAfterMs } = await limiter.take(key, limit, WINDOW)
          if (ok) {
            expect(retryAfterMs).toBe(0)
            return
          }
          expect(retryAfterMs).toBeGreaterThanOrEqual(1)
          expect(retryAfterMs).toBeLessThanOrEqual(2 * WINDOW)
          const short = early && retryAfterMs > 2
          advance(short ? retryAfterMs - 2 : retryAfterMs)
          expect((await limiter.take(key, limit, WINDOW)).ok).toBe(!short)
        }),
        { numRuns: runs * 10 },
      )
    })

    it('says truly how many are left', async () => {
      await fc.assert(
        fc.asyncProperty(starts, limits, waits, async (start, limit, steps) => {
          const { limiter, key } = await play(start, limit, steps)
          const { ok, remaining } = await limiter.take(key, limit, WINDOW)
          if (!ok) return
          for (let left = remaining; left > 0; left--) {
            expect((await limiter.take(key, limit, WINDOW)).ok).toBe(true)
          }
          expect((await limiter.take(key, limit, WINDOW)).ok).toBe(false)
        }),
        { numRuns: runs },
      )
    })

    it('is not used up by what was refused', async () => {
      const { limiter, key, advance } = await play(0, 2, [0, 0])
      for (let i = 0; i < 1_000; i++) await limiter.take(key, 2, WINDOW)
      const { retryAfterMs } = await limiter.take(key, 2, WINDOW)
      advance(retryAfterMs)
      expect((await limiter.take(key, 2, WINDOW)).ok).toBe(true)
    })

    it('is each key’s own, and given back whole when forgotten', async () => {
      const { limiter, key } = await play(0, 1, [0])
      expect((await limiter.take(`another ${key}`, 1, WINDOW)).ok).toBe(true)
      expect((await limiter.take(key, 1, WINDOW)).ok).toBe(false)
      await limiter.forget(key)
      expect((await limiter.take(key, 1, WINDOW)).ok).toBe(true)
    })
  })
}
