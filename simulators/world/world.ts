import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { AGENCIES } from './agencies.ts'
import { billsBetween } from './bills.ts'
import { monthOf, startOf } from './calendar.ts'
import { OPERATORS } from './households.ts'
import { customerOfAccount, customerOfMeter, meterOf } from './numbers.ts'
import { postpaidAccountOf, prepaidMeterOf } from './people.ts'
import { openPurchases } from './purchases.ts'
import { customerOf, sell, tariffOn } from './sales.ts'
import { topupsOfMonth } from './topups.ts'
import type { TopUpRow, World } from './types.ts'

const YEARS_OF_HISTORY = 3
const LARGEST_PURCHASE_XOF = 1_000_000
/** How far a purchase's time may be ahead of the clock. */
const AHEAD_MS = 60_000
/** Months without a purchase after which a debt is no longer looked for. */
const MONTHS_OF_DEBT = 3

export interface WorldOptions {
  /** The first start of the data directory: computed history ends here, always. */
  epoch: Date
  /** Where purchases are kept, as JSON lines; in memory alone without one. */
  storeFile?: string
  clock?: Clock
  /** Purchases that can be made, at most; 100,000 by default. */
  mostPurchases?: number
}

const newestFirst = (a: TopUpRow, b: TopUpRow): number => b.at.getTime() - a.at.getTime()

/**
 * The world of the company's systems. Reads are computed, in microseconds for a month and under a millisecond for all;
 * three years of history, from the first of a month, end at `epoch`. Later purchases are kept by `buy`. Throws when the
 * store cannot be opened or is damaged.
 */
export function createWorld(options: WorldOptions): World {
  const { storeFile, clock = systemClock, mostPurchases = 100_000 } = options
  const epoch = options.epoch.getTime()
  // A whole month, since the steps of a purchase depend on all that its month saw before it.
  const start = startOf(monthOf(epoch) - 12 * YEARS_OF_HISTORY)
  const purchases = openPurchases({ most: mostPurchases, ...(storeFile && { file: storeFile }) })

  /** Oldest first. */
  function computed(n: number, from: number, to: number): TopUpRow[] {
    const first = Math.max(from, start)
    const end = Math.min(to, epoch)
    const rows: TopUpRow[] = []
    const customer = customerOf(n)
    for (let index = monthOf(first); first < end && index <= monthOf(end - 1); index++) {
      for (const row of topupsOfMonth(customer, index, epoch)) {
        const at = row.at.getTime()
        if (at >= first && at < end) rows.push(row)
      }
    }
    return rows
  }

  function all(n: number, from: number, to: number): TopUpRow[] {
    const rows = computed(n, from, to).reverse()
    const made = purchases.of(meterOf(n), from, to)
    return made.length === 0 ? rows : [...made, ...rows].sort(newestFirst)
  }

  /** What is still owed after the last purchase before a time. */
  function owed(n: number, before: number): number {
    const [last] = all(n, startOf(monthOf(before) - MONTHS_OF_DEBT), before)
    return last?.remainingDebtXof ?? 0
  }

  return {
    agencies: AGENCIES,
    prepaidMeter(number) {
      const n = customerOfMeter(number)
      return n === null ? null : prepaidMeterOf(n)
    },
    postpaidAccount(number) {
      const n = customerOfAccount(number)
      return n === null ? null : postpaidAccountOf(n)
    },
    topups(meterNumber, from, to) {
      const n = customerOfMeter(meterNumber)
      return n === null ? [] : all(n, from.getTime(), to.getTime())
    },
    bills(account, from, to) {
      const n = customerOfAccount(account)
      return n === null ? [] : billsBetween(n, Math.max(from.getTime(), start), Math.min(to.getTime(), epoch))
    },
    buy({ meter, amountXof, at }) {
      const n = customerOfMeter(meter)
      if (n === null) throw new Error('Ce compteur n’existe pas.')
      if (!Number.isInteger(amountXof) || amountXof < 1_000 || amountXof > LARGEST_PURCHASE_XOF) {
        throw new Error(`Le montant va de 1000 à ${LARGEST_PURCHASE_XOF} F, en francs entiers.`)
      }
      const wanted = at ? at.getTime() : clock.now()
      if (!(wanted >= start && wanted <= clock.now() + AHEAD_MS)) {
        throw new Error('La date d’un achat est dans les trois dernières années, et pas à venir.')
      }
      const time = purchases.freeTime(wanted)
      const customer = customerOf(n)
      const { household } = customer
      const thisMonth = all(n, startOf(monthOf(time)), time)
      const firstOfMonth = thisMonth.length === 0
      const owedXof = owed(n, time)
      const row = sell(customer, {
        orderNumber: `9${String(purchases.nextSequence()).padStart(13, '0')}`,
        at: time,
        tariff: tariffOn(household.tariffCode, time),
        amountXof,
        boughtThisMonthKwh: thisMonth.reduce((sum, earlier) => sum + earlier.energyKwh, 0),
        firstOfMonth,
        phases: household.phases,
        debtXof: firstOfMonth ? Math.min(household.debt?.monthlyXof ?? 0, owedXof) : 0,
        owedXof,
        operator: OPERATORS[0],
        newKeys: false,
      })
      purchases.add(row)
      return row
    },
    purchasesSince: (at, limit) => purchases.after(at.getTime(), limit),
    close: async () => purchases.close(),
  }
}
