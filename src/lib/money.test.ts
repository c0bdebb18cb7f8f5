import fc from 'fast-check'
import { expect, it } from 'vitest'
import { roundKwh, wholeXof } from './money.ts'

it('francs are whole, halves go away from zero on both sides', () => {
  expect([2.5, -2.5, 0.49, -0.49, 1e9 + 0.5].map(wholeXof)).toEqual([3, -3, 0, 0, 1e9 + 1])
})

it('a refund is the mirror of a payment', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), amount => {
      expect(wholeXof(-amount)).toBe(0 - wholeXof(amount))
      expect(Math.abs(wholeXof(amount) - amount)).toBeLessThanOrEqual(0.5)
    }),
  )
})

it('an amount that is no number does not become a sum of zero', () => {
  expect(wholeXof(Number.NaN)).toBeNaN()
})

it('energy has at most two decimals', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e7, noNaN: true }), kwh => {
      expect(String(roundKwh(kwh))).toMatch(/^\d+(\.\d{1,2})?$/)
      expect(Math.abs(roundKwh(kwh) - kwh)).toBeLessThanOrEqual(0.005001)
    }),
  )
})
