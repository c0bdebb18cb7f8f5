import fc from 'fast-check'
import { expect, it } from 'vitest'
import { quietUntil } from './quiet-hours.ts'

const at = (time: string) => Date.parse(`2026-03-07T${time}:00Z`)
const iso = (ms: number | null) => ms && new Date(ms).toISOString()

it('a night across midnight ends in the morning', () => {
  const night = { from: 22 * 60, to: 6 * 60 }
  expect(iso(quietUntil(night, at('21:59')))).toBeNull()
  expect(iso(quietUntil(night, at('22:00')))).toBe('2026-03-08T06:00:00.000Z')
  expect(iso(quietUntil(night, at('00:00')))).toBe('2026-03-07T06:00:00.000Z')
  expect(iso(quietUntil(night, at('05:59')))).toBe('2026-03-07T06:00:00.000Z')
  expect(iso(quietUntil(night, at('06:00')))).toBeNull()
  expect(iso(quietUntil({ from: 60, to: 0 }, at('23:59')))).toBe('2026-03-08T00:00:00.000Z')
})

it('quiet hours last as long as they say, end in the future, and at a quarter of an hour', () => {
  const minute = fc.integer({ min: 0, max: 1_439 })
  fc.assert(
    fc.property(minute, minute, fc.nat(2_000_000_000), (from, to, now) => {
      fc.pre(from !== to)
      const length = (to - from + 1_440) % 1_440
      const since = (Math.floor(now / 60_000) - from + 1_440 * 2_000) % 1_440
      const end = quietUntil({ from, to }, now)
      expect(end !== null).toBe(since < length)
      if (end === null) return
      expect(end).toBeGreaterThan(now)
      expect(end % 900_000).toBe(0)
      expect(end - now).toBeLessThan(length * 60_000 + 900_000 + 1)
    }),
  )
})
