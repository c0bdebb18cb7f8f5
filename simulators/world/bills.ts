import { billFor } from '../../src/modules/tariffs/index.ts'
import { agencyName } from './agencies.ts'
import { DAY_MS, HOUR_MS, month, monthOf, monthOfYear, shortMonth, startOf, yearOf } from './calendar.ts'
import { householdOf, seasonOf } from './households.ts'
import { accountOf, DEMO_CUSTOMER, sevenDigits } from './numbers.ts'
import { addressOf, billedTariffText, customerName, partnerOf, TABLE } from './people.ts'
import { FOR, hash, sequence } from './random.ts'
import { tariffOn } from './sales.ts'
import type { BillRow } from './types.ts'

const DAYS_TO_PAY = 15

/** Months between two bills of an account. */
const intervalOf = (n: number): 1 | 2 => (n !== DEMO_CUSTOMER && hash(FOR.bill, n) % 5 < 2 ? 2 : 1)

/** The day on which the meter is read, about the same each time. */
const readingOf = (n: number, index: number): number =>
  startOf(index) + (2 + (hash(FOR.bill, n, 1) % 20) + (hash(FOR.bill, n, 2, index) % 5)) * DAY_MS

/** The bill that covers the days up to the reading of a month; null in the months without one. */
function billOfMonth(n: number, index: number): BillRow | null {
  const interval = intervalOf(n)
  if (interval === 2 && (index + n) % 2 !== 0) return null
  const reading = readingOf(n, index)
  const days = (reading - readingOf(n, index - interval)) / DAY_MS
  const draw = sequence(FOR.bill, n, 3, index)
  const household = householdOf(n)
  const daily = (household.usualKwh / 30) * seasonOf(household, index) * (0.85 + 0.3 * draw())
  const issued = reading + (2 + Math.floor(draw() * 3)) * DAY_MS + 8 * HOUR_MS
  const tariff = tariffOn('DPP-POST', reading)
  const bill = billFor({ tariff, energyKwh: Math.round(daily * days), days })
  return {
    id: n * 1_000 + (index - month(2000, 1)),
    number: `${shortMonth(index)}${sevenDigits(n)}`,
    account: accountOf(n),
    partnerNumber: partnerOf(n),
    issuedAt: new Date(issued),
    dueAt: new Date(issued - 8 * HOUR_MS + DAYS_TO_PAY * DAY_MS),
    days,
    month: monthOfYear(index) + 1,
    year: yearOf(index),
    tariff: billedTariffText(n),
    energyKwh: bill.energyKwh,
    steps: bill.steps,
    netXof: bill.netXof,
    tcoXof: bill.tcoXof,
    vatXof: bill.vatXof,
    totalXof: bill.amountXof,
    agencyName: agencyName(n, TABLE.bills),
    address: addressOf(n),
    meterNumber: `7${sevenDigits(n)}`,
    customerName: customerName(n),
  }
}

/** The bills issued from a time, included, to another, excluded; newest first. */
export function billsBetween(n: number, from: number, to: number): BillRow[] {
  const bills: BillRow[] = []
  // A bill is issued up to a month after the month that it is of begins.
  for (let index = monthOf(to); index >= monthOf(from) - 1; index--) {
    const bill = billOfMonth(n, index)
    const issued = bill?.issuedAt.getTime() ?? Number.NaN
    if (bill && issued >= from && issued < to) bills.push(bill)
  }
  return bills
}
