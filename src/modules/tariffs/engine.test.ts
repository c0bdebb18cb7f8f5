import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Problem } from '../../lib/problems.ts'
import {
  amountForEnergy,
  billFor,
  energyForAmount,
  position,
  type Receipt,
  type Tariff,
  tariffAt,
  tariffCodes,
  tariffVersions,
  thresholdFor,
} from './index.ts'

function tariff(code: string, day: string): Tariff {
  const found = tariffAt(code, day)
  if (!found) throw new Error(`no ${code} on ${day}`)
  return found
}

const of2023 = tariff('DPP', '2024-06-01')
const of2026 = tariff('DPP', '2026-06-01')
const oneDecimal = (receipt: Receipt) => receipt.energyKwh.toFixed(1)
const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)

describe('the published figures come out', () => {
  test.each([
    [5_000, '53.5'],
    [10_000, '107.0'],
  ])('2023-12, first step, no fee: %i F buys %s kWh', (amountXof, energy) => {
    expect(oneDecimal(energyForAmount({ tariff: of2023, amountXof }))).toBe(energy)
  })

  test('2023-12: 14,000 F twice in a month buys 145.2 then 101.7 kWh', () => {
    const first = energyForAmount({ tariff: of2023, amountXof: 14_000, firstOfMonth: true })
    const second = energyForAmount({
      tariff: of2023,
      amountXof: 14_000,
      boughtThisMonthKwh: first.energyKwh,
    })
    expect([oneDecimal(first), oneDecimal(second)]).toEqual(['145.2', '101.7'])
    expect(second.steps.map(step => step.energyKwh)).toEqual([4.78, 96.88])
  })

  test('2023-12: the steps end at 14,446 F and 28,436 F of purchases, fee included', () => {
    const cost = (energyKwh: number) =>
      amountForEnergy({ tariff: of2023, energyKwh, firstOfMonth: true }).amountXof
    expect([cost(150), cost(250)]).toEqual([14_446, 28_436])
    expect(energyForAmount({ tariff: of2023, amountXof: 14_446, firstOfMonth: true }).steps).toHaveLength(1)
    expect(energyForAmount({ tariff: of2023, amountXof: 14_450, firstOfMonth: true }).steps).toHaveLength(2)
    expect(energyForAmount({ tariff: of2023, amountXof: 28_436, firstOfMonth: true }).vatXof).toBe(0)
    expect(energyForAmount({ tariff: of2023, amountXof: 28_450, firstOfMonth: true }).vatXof).toBeGreaterThan(
      0,
    )
  })

  test.each([
    [1_000, '6.8', '11.9'],
    [5_000, '54.4', '59.5'],
    [10_000, '113.9', '119.0'],
  ])('2026-01: %i F buys %s kWh first in the month, %s later in step 1', (amountXof, first, later) => {
    expect(oneDecimal(energyForAmount({ tariff: of2026, amountXof, firstOfMonth: true }))).toBe(first)
    expect(oneDecimal(energyForAmount({ tariff: of2026, amountXof }))).toBe(later)
  })

  test('the meter fee is 429 F single-phase and 1,427 F three-phase, on the first purchase alone', () => {
    const fees = (phases: 1 | 3, firstOfMonth: boolean) =>
      energyForAmount({ tariff: of2026, amountXof: 5_000, phases, firstOfMonth }).feesXof
    expect([fees(1, true), fees(3, true), fees(1, false), fees(3, false)]).toEqual([429, 1_427, 0, 0])
  })

  test('TVA is due on what goes over 250 kWh in the month alone, for domestic customers', () => {
    const over = energyForAmount({ tariff: of2026, amountXof: 10_000, boughtThisMonthKwh: 250 })
    expect(over.energyKwh).toBeCloseTo(10_000 / (136.49 * 1.205), 2)
    expect(over.vatXof).toBe(Math.round(over.energyKwh * 136.49 * 0.18))
    const medium = amountForEnergy({ tariff: tariff('DMP', '2026-06-01'), energyKwh: 300 })
    expect(medium.vatXof).toBe(Math.round(50 * 143.54 * 0.18))
    expect(medium.steps.map(step => step.energyKwh)).toEqual([50, 250])
  })

  test('TCO is 2.5 % of the energy, added to it', () => {
    const bought = energyForAmount({ tariff: of2026, amountXof: 10_250 })
    expect([bought.netXof, bought.tcoXof]).toEqual([10_000, 250])
  })

  test('the stamp duty is 1 % on top of what is paid in cash, since 2026-01-28', () => {
    const cash = (day: string) =>
      energyForAmount({ tariff: tariff('DPP', day), amountXof: 10_100, cash: true }).stampDutyXof
    expect([cash('2026-01-27'), cash('2026-01-28')]).toEqual([0, 100])
    expect(energyForAmount({ tariff: of2026, amountXof: 10_100 }).feesXof).toBe(0)
  })

  test('debt is taken from the payment, and never more than the payment covers', () => {
    const bought = energyForAmount({ tariff: of2026, amountXof: 5_000, debtXof: 1_500 })
    expect(bought.debtXof).toBe(1_500)
    expect(bought.energyKwh).toBe(energyForAmount({ tariff: of2026, amountXof: 3_500 }).energyKwh)
    const nothing = energyForAmount({ tariff: of2026, amountXof: 1_000, debtXof: 9_000, firstOfMonth: true })
    expect(nothing).toMatchObject({ energyKwh: 0, debtXof: 571, feesXof: 429, steps: [] })
  })
})

describe('a bill', () => {
  const post = tariff('DPP-POST', '2026-06-01')

  test('scales the steps to the days it covers', () => {
    const month = billFor({ tariff: post, energyKwh: 300, days: 30 })
    expect(month.steps.map(step => step.energyKwh)).toEqual([150, 100, 50])
    expect(month.amountXof).toBe(
      Math.round(150 * 82 * 1.025 + 100 * 136.49 * 1.025 + 50 * 159.36 * (1.025 + 0.18)),
    )
    const two = billFor({ tariff: post, energyKwh: 600, days: 60 })
    expect(two.steps.map(step => step.energyKwh)).toEqual([300, 200, 100])
    expect(Math.abs(two.amountXof - 2 * month.amountXof)).toBeLessThanOrEqual(1)
  })

  test('does not scale when the tariff says so', () => {
    const bill = billFor({ tariff: { ...post, stepsPerDays: null }, energyKwh: 600, days: 60 })
    expect(bill.steps.map(step => step.energyKwh)).toEqual([150, 100, 350])
  })
})

describe('position and colour', () => {
  test.each([
    [0, 1, 82, 136.49, 150],
    [149.5, 1, 82, 136.49, 0.5],
    [150, 2, 136.49, 136.49, 100],
    [250, 3, 136.49, null, null],
    [4_000, 3, 136.49, null, null],
  ])('after %d kWh', (boughtThisMonthKwh, step, priceXof, nextPriceXof, energyToNextKwh) => {
    expect(position({ tariff: of2026, boughtThisMonthKwh })).toEqual({
      step,
      priceXof,
      nextPriceXof,
      energyToNextKwh,
    })
  })

  test('a bill of 60 days has steps twice as long', () => {
    const post = tariff('DPP-POST', '2026-06-01')
    expect(position({ tariff: post, boughtThisMonthKwh: 290, days: 60 })).toMatchObject({
      step: 1,
      energyToNextKwh: 10,
    })
  })

  test('the end of a band belongs to it', () => {
    const colors = [0, 150, 150.01, 250, 250.01].map(kwh => thresholdFor(of2026, kwh).color)
    expect(colors).toEqual(['green', 'green', 'orange', 'orange', 'red'])
  })
})

describe('what cannot be bought is refused with the field', () => {
  test.each([
    ['below the smallest purchase', { amountXof: 999 }, 'amountXof'],
    ['a fraction of a franc', { amountXof: 1_000.5 }, 'amountXof'],
    ['not a number', { amountXof: Number.NaN }, 'amountXof'],
    ['a negative debt', { amountXof: 1_000, debtXof: -1 }, 'debtXof'],
    ['less than nothing bought', { amountXof: 1_000, boughtThisMonthKwh: -1 }, 'boughtThisMonthKwh'],
  ])('%s', (_, purchase, field) => {
    let refusal: unknown
    try {
      energyForAmount({ tariff: of2026, ...purchase })
    } catch (error) {
      refusal = error
    }
    expect(refusal).toBeInstanceOf(Problem)
    expect(refusal).toMatchObject({ code: 'invalid', errors: [{ field }] })
  })
})

describe('for every tariff, amount and circumstance', () => {
  const anyTariff = fc.constantFrom(...tariffCodes().flatMap(tariffVersions))
  const circumstances = fc.record({
    tariff: anyTariff,
    boughtThisMonthKwh: fc.integer({ min: 0, max: 80_000 }).map(hundredths => hundredths / 100),
    firstOfMonth: fc.boolean(),
    phases: fc.constantFrom<1 | 3>(1, 3),
    debtXof: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20_000 })),
    cash: fc.boolean(),
  })
  const amount = fc.integer({ min: 1_000, max: 500_000 })
  const energy = fc.integer({ min: 0, max: 150_000 }).map(hundredths => hundredths / 100)

  function expectWhole(receipt: Receipt): void {
    const { energyKwh, amountXof, netXof, tcoXof, vatXof, taxesXof, feesXof, debtXof, steps } = receipt
    expect(netXof + taxesXof + feesXof + debtXof).toBe(amountXof)
    expect(tcoXof + vatXof).toBe(taxesXof)
    expect(sum(steps.map(step => step.amountXof))).toBe(netXof)
    expect(sum(steps.map(step => step.energyKwh))).toBeCloseTo(energyKwh, 6)
    const numbers = [energyKwh, amountXof, netXof, tcoXof, vatXof, feesXof, debtXof]
    for (const value of [...numbers, ...steps.flatMap(step => [step.energyKwh, step.amountXof])]) {
      expect(value).toBeGreaterThanOrEqual(0)
    }
    for (const step of steps) {
      expect(Math.abs(step.amountXof - step.energyKwh * step.priceXof)).toBeLessThan(4)
    }
  }

  test('the parts add up to the amount, the steps to the energy, and nothing is negative', () => {
    fc.assert(
      fc.property(circumstances, amount, energy, (circumstance, amountXof, energyKwh) => {
        const bought = energyForAmount({ ...circumstance, amountXof })
        expect(bought.amountXof).toBe(amountXof)
        expectWhole(bought)
        expectWhole(amountForEnergy({ ...circumstance, energyKwh }))
      }),
    )
  })

  test('more money never buys less', () => {
    fc.assert(
      fc.property(circumstances, amount, fc.integer({ min: 0, max: 5_000 }), (circumstance, less, more) => {
        const small = energyForAmount({ ...circumstance, amountXof: less })
        const large = energyForAmount({ ...circumstance, amountXof: less + more })
        expect(large.energyKwh).toBeGreaterThanOrEqual(small.energyKwh)
      }),
    )
  })

  test('more energy never costs less', () => {
    fc.assert(
      fc.property(circumstances, energy, energy, (circumstance, a, b) => {
        const [small, large] = [Math.min(a, b), Math.max(a, b)].map(
          energyKwh => amountForEnergy({ ...circumstance, energyKwh }).amountXof,
        )
        expect(large).toBeGreaterThanOrEqual(small ?? Number.NaN)
      }),
    )
  })

  test('paying the cost of an energy buys that energy, within 0.03 kWh', () => {
    fc.assert(
      fc.property(circumstances, energy, (circumstance, energyKwh) => {
        const { amountXof } = amountForEnergy({ ...circumstance, energyKwh })
        fc.pre(amountXof >= 1_000)
        const bought = energyForAmount({ ...circumstance, amountXof })
        expect(Math.abs(bought.energyKwh - energyKwh)).toBeLessThan(0.0301)
      }),
    )
  })

  test('two purchases of a month buy what one buys, within 0.03 kWh', () => {
    fc.assert(
      fc.property(circumstances, amount, amount, (circumstance, a, b) => {
        const uncashed = { ...circumstance, debtXof: 0, cash: false }
        const whole = energyForAmount({ ...uncashed, amountXof: a + b })
        const first = energyForAmount({ ...uncashed, amountXof: a })
        fc.pre(a > 2_000)
        const second = energyForAmount({
          ...uncashed,
          firstOfMonth: false,
          boughtThisMonthKwh: uncashed.boughtThisMonthKwh + first.energyKwh,
          amountXof: b,
        })
        expect(Math.abs(first.energyKwh + second.energyKwh - whole.energyKwh)).toBeLessThan(0.0301)
      }),
    )
  })

  test('a bill adds up too, and its steps are those of the prepaid climb over its days', () => {
    const post = tariff('DPP-POST', '2026-06-01')
    fc.assert(
      fc.property(energy, fc.integer({ min: 1, max: 120 }), (energyKwh, days) => {
        const bill = billFor({ tariff: post, energyKwh, days })
        expectWhole(bill)
        expect(bill.energyKwh).toBe(energyKwh)
        const [first] = bill.steps
        if (first) expect(first.energyKwh).toBeLessThanOrEqual((150 * days) / 30 + 0.01)
      }),
    )
  })
})
