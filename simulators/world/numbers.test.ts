import fc from 'fast-check'
import { expect, test } from 'vitest'
import { accountOf, CUSTOMERS, customerOfAccount, customerOfMeter, luhnDigit, meterOf } from './numbers.ts'

const customer = fc.integer({ min: 0, max: CUSTOMERS - 1 })

test('the demo meter is customer 1', () => {
  expect(meterOf(1)).toBe('14100000018')
  expect(customerOfMeter('14100000018')).toBe(1)
  expect(customerOfAccount('1000000001')).toBe(1)
})

test('the check digit is that of Luhn', () => {
  expect(luhnDigit('7992739871')).toBe('3')
  fc.assert(
    fc.property(customer, n => {
      const sum = [...meterOf(n)].toReversed().reduce((total, digit, i) => {
        const weighed = Number(digit) * (i % 2 === 1 ? 2 : 1)
        return total + (weighed > 9 ? weighed - 9 : weighed)
      }, 0)
      expect(sum % 10).toBe(0)
    }),
  )
})

test('a number leads back to its customer, an account with or without its zeros', () => {
  fc.assert(
    fc.property(customer, n => {
      expect(customerOfMeter(meterOf(n))).toBe(n)
      expect(customerOfAccount(accountOf(n))).toBe(n)
      expect(customerOfAccount(accountOf(n).replace(/^0+/, ''))).toBe(n)
    }),
  )
})

test('numbers of another form do not exist', () => {
  const wrongDigit = fc
    .tuple(customer, fc.integer({ min: 1, max: 9 }))
    .map(([n, off]) => meterOf(n).slice(0, 10) + ((Number(meterOf(n)[10]) + off) % 10))
  const digits = fc.stringMatching(/^\d{0,14}$/).filter(text => !/^141\d{8}$|^0{0,2}100\d{7}$/.test(text))
  const nearly = customer.map(n => ` ${meterOf(n)}`)
  fc.assert(
    fc.property(fc.oneof(fc.string(), digits, wrongDigit, nearly), text => {
      expect(customerOfMeter(text)).toBeNull()
      expect(customerOfAccount(text)).toBeNull()
    }),
  )
})
