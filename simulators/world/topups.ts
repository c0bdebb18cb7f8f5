import { amountForEnergy } from '../../src/modules/tariffs/index.ts'
import { DAY_MS, daysIn, HOUR_MS, shortMonth, startOf } from './calendar.ts'
import { type Household, OPERATORS, seasonOf } from './households.ts'
import { DEMO_CUSTOMER, sevenDigits } from './numbers.ts'
import { FOR, pick, sequence } from './random.ts'
import { type Customer, sell, tariffOn } from './sales.ts'
import type { TopUpRow } from './types.ts'

const MOST_IN_A_MONTH = 14

interface Debit {
  monthlyXof: number
  /** Before the month's first purchase. */
  owedXof: number
}

/** What is recovered in a month, and what was owed as it began. */
function debitOf({ debt }: Household, index: number): Debit | null {
  if (!debt || index < debt.from || index >= debt.from + debt.months) return null
  return { monthlyXof: debt.monthlyXof, owedXof: debt.monthlyXof * (debt.months - (index - debt.from)) }
}

/** Amounts, in no order, that together pay for about what the month needs. */
function amountsOf(household: Household, index: number, draw: () => number, atLeastOne: boolean): number[] {
  const away = draw() < 0.03
  const energyKwh = household.usualKwh * seasonOf(household, index) * (0.85 + 0.3 * draw()) * (away ? 0.1 : 1)
  const tariff = tariffOn(household.tariffCode, startOf(index))
  const { amountXof } = amountForEnergy({
    tariff,
    energyKwh,
    firstOfMonth: true,
    phases: household.phases,
  })
  const amounts: number[] = []
  for (let left = amountXof; amounts.length < MOST_IN_A_MONTH; ) {
    const next = pick(household.amountsXof, draw())
    if (left < next / 2 && (amounts.length > 0 || !atLeastOne)) break
    amounts.push(next)
    left -= next
  }
  return amounts
}

/** One time for each purchase, spread over the month, in order and none alike. */
function timesOf(count: number, household: Household, index: number, draw: () => number): number[] {
  const days = daysIn(index)
  const times = Array.from({ length: count }, (_, i) => {
    let day = Math.floor(((i + draw()) / count) * days)
    if (household.payDay === 'start' && i === 0) day = Math.floor(draw() * 5)
    if (household.payDay === 'end' && i === count - 1) day = 24 + Math.floor(draw() * 4)
    return startOf(index) + day * DAY_MS + Math.floor((6.5 + draw() * 16) * HOUR_MS)
  }).sort((a, b) => a - b)
  for (let i = 1; i < times.length; i++) {
    times[i] = Math.max(times[i] ?? 0, (times[i - 1] ?? 0) + 90_000)
  }
  return times
}

/** The largest purchase is made when the money comes. */
function onPayDay(amounts: number[], { payDay }: Household): number[] {
  if (payDay === 'any' || amounts.length === 0) return amounts
  const largest = Math.max(...amounts)
  const rest = amounts.toSpliced(amounts.indexOf(largest), 1)
  return payDay === 'start' ? [largest, ...rest] : [...rest, largest]
}

/**
 * All that a customer buys in a calendar month, oldest first: always the same, but that the demo's customer has bought
 * something in the month in which history ends.
 */
export function topupsOfMonth(customer: Customer, index: number, epoch: number): TopUpRow[] {
  const { n, household } = customer
  if (index < household.installed) return []
  const draw = sequence(FOR.month, n, index)
  const debit = debitOf(household, index)
  const newKeys = index === household.keyChange
  const atLeastOne = n === DEMO_CUSTOMER || debit !== null || newKeys
  const amounts = onPayDay(amountsOf(household, index, draw, atLeastOne), household)
  const times = timesOf(amounts.length, household, index, draw)
  const start = startOf(index)
  const [first] = times
  if (n === DEMO_CUSTOMER && first && epoch > start && epoch <= first) {
    times[0] = start + Math.floor((epoch - start) * 0.6)
  }
  let boughtThisMonthKwh = 0
  let owedXof = debit?.owedXof ?? 0
  return amounts.map((usual, i) => {
    const firstOfMonth = i === 0
    const at = times[i] ?? start
    const tariff = tariffOn(household.tariffCode, at)
    const debtXof = firstOfMonth ? (debit?.monthlyXof ?? 0) : 0
    const { phases } = household
    // The first purchase of the month has fee and debt to carry.
    const amountXof = firstOfMonth && (phases === 3 || debtXof > 0) ? Math.max(usual, 5_000) : usual
    const row = sell(customer, {
      orderNumber: `1${shortMonth(index)}${sevenDigits(n)}${String(i).padStart(2, '0')}`,
      at,
      tariff,
      amountXof,
      boughtThisMonthKwh,
      firstOfMonth,
      phases,
      debtXof,
      owedXof,
      operator: draw() < 0.75 ? household.operator : pick(OPERATORS, draw()),
      newKeys: firstOfMonth && newKeys,
    })
    boughtThisMonthKwh += row.energyKwh
    owedXof = row.remainingDebtXof
    return row
  })
}
