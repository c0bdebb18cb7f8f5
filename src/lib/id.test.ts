import fc from 'fast-check'
import { expect, it } from 'vitest'
import { newId } from './id.ts'

const timeOf = (id: string) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)

it('100,000 identifiers are all different', () => {
  expect(new Set(Array.from({ length: 100_000 }, () => newId())).size).toBe(100_000)
})

it('is a UUID with the version, the variant and the time of RFC 9562', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), now => {
      const id = newId(now)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(timeOf(id)).toBe(now)
    }),
  )
})

it('sorts by the time at which it was made', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 47 }), fc.integer({ min: 1, max: 2 ** 46 }), (at, later) => {
      expect(newId(at) < newId(at + later)).toBe(true)
    }),
  )
})

it('has random bits that differ everywhere', () => {
  const ids = Array.from({ length: 2_000 }, () => newId(0).replaceAll('-', ''))
  for (let at = 13; at < 32; at++) {
    const digits = new Set(ids.map(id => id[at]))
    expect(digits.size).toBe(at === 16 ? 4 : 16)
  }
})
