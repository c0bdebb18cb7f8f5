import fc from 'fast-check'
import { expect, it } from 'vitest'
import { stepOf, tempoOf } from './tempo.ts'

const config = { fcmQuotaPerMinute: 600_000, rampAbove: 10_000, rampSeconds: 60 }

it('a large broadcast rises from a tenth of the quota to its full speed in a minute, a small one does not wait', () => {
  const large = { rate: null, devices: 10_001, rampFrom: 0 }
  expect(tempoOf(large, 0, config)).toBe(1_000)
  expect(tempoOf(large, 30_000, config)).toBe(5_500)
  expect(tempoOf(large, 60_000, config)).toBeNull()
  expect(tempoOf({ ...large, devices: 10_000 }, 0, config)).toBeNull()
  expect(tempoOf(large, 0, { ...config, rampSeconds: 0 })).toBeNull()
})

it('a limit is never exceeded by the rise, nor the rise by a limit', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 0, max: 90_000 }), (rate, now) => {
      const tempo = tempoOf({ rate, devices: 50_000, rampFrom: 0 }, now, config) as number
      expect(tempo).toBeLessThanOrEqual(rate)
      if (now < 60_000) expect(tempo).toBeLessThanOrEqual(10_000)
      expect(tempo).toBeGreaterThan(0)
    }),
  )
})

it('steps are a quarter of a second long, of chunks that fit', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 500 }), (tempo, most) => {
      const { size, chunks } = stepOf(tempo, { size: most, chunks: 20 })
      expect(size).toBeLessThanOrEqual(most)
      expect(chunks).toBeLessThanOrEqual(20)
      if (tempo >= 4) expect(size * chunks).toBeLessThanOrEqual(tempo / 4 + 1)
    }),
  )
})
