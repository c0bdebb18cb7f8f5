import { expect, test } from 'vitest'
import { parsePhone } from '../../src/lib/phone.ts'
import { tariffCodes, usageTariff } from '../../src/modules/tariffs/index.ts'
import { AGENCIES, agencyName } from './agencies.ts'
import { householdOf } from './households.ts'
import { sevenDigits } from './numbers.ts'
import { postpaidAccountOf, prepaidMeterOf, TABLE, usageText } from './people.ts'

const customers = Array.from({ length: 1_000 }, (_, i) => (i * 7_919_017) % 10_000_000)
const plain = (name: string) =>
  name
    .normalize('NFD')
    .replace(/[\p{M}\s]/gu, '')
    .toLowerCase()

test('every spelling of a phone is that of the customer', () => {
  const spellings = new Set<string>()
  for (const n of customers) {
    for (const { phone } of [prepaidMeterOf(n), postpaidAccountOf(n)]) {
      expect(parsePhone(phone)).toBe(`+22177${sevenDigits(n)}`)
      spellings.add(phone.replace(/\d/g, '9'))
    }
  }
  expect(spellings.size).toBeGreaterThan(4)
})

test('an agency is the same without case, accents and spaces, and no two are', () => {
  expect(AGENCIES).toHaveLength(50)
  expect(new Set(AGENCIES.map(plain)).size).toBe(50)
  for (const n of customers) {
    for (const table of Object.values(TABLE)) {
      expect(plain(agencyName(n, table))).toBe(plain(AGENCIES[n % 50] ?? ''))
    }
  }
})

test('the words for a tariff are those that the tariffs know', () => {
  const codes = new Map<string, number>()
  for (const n of customers) {
    const code = householdOf(n).tariffCode
    codes.set(code, (codes.get(code) ?? 0) + 1)
    expect(usageTariff(prepaidMeterOf(n).usage)).toBe(code)
    expect(usageTariff(usageText(n, TABLE.topups))).toBe(code)
    expect(usageTariff(postpaidAccountOf(n).tariff, 'postpaid')).toBe('DPP-POST')
    expect(tariffCodes()).toContain(code)
  }
  expect(codes.get('DPP')).toBeGreaterThan(800)
  expect([...codes.keys()].sort()).toEqual(['DMP', 'DPP', 'PPP'])
})

test('some addresses are not known, most are, and everyone has a name', () => {
  const meters = customers.map(prepaidMeterOf)
  const known = meters.filter(meter => meter.address !== '').length
  expect(known).toBeGreaterThan(900)
  expect(known).toBeLessThan(1_000)
  expect(meters.every(meter => /^\S+ \S+$/.test(meter.customerName))).toBe(true)
})
