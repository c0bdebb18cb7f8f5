import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hasLuhn, luhnDigit, withLuhn } from './luhn.ts'

const digits = fc.stringMatching(/^\d{1,18}$/)

it('gives the check digits that are published', () => {
  expect(luhnDigit('7992739871')).toBe('3')
  expect(withLuhn('1410000001')).toBe('14100000018')
})

it('accepts every number that it completed', () => {
  fc.assert(fc.property(digits, number => void expect(hasLuhn(withLuhn(number))).toBe(true)))
})

it('notices any single wrong digit', () => {
  fc.assert(
    fc.property(digits, fc.nat(17), fc.integer({ min: 1, max: 9 }), (number, at, by) => {
      const right = withLuhn(number)
      const i = at % right.length
      const wrong = right.slice(0, i) + ((Number(right[i]) + by) % 10) + right.slice(i + 1)
      expect(hasLuhn(wrong)).toBe(false)
    }),
  )
})

it('of what is no number is false, not an exception', () => {
  for (const text of ['', 'x', '12a4', ' ']) expect(hasLuhn(text)).toBe(false)
})
