import { describe, expect, test } from 'vitest'
import { billFor, energyForAmount, usageTariff } from '../../src/modules/tariffs/index.ts'
import { householdOf } from './households.ts'
import { accountOf, createWorld, meterOf, type TopUpRow, type World } from './index.ts'
import { tariffOn } from './sales.ts'

const epoch = new Date('2026-07-20T09:30:00Z')
const ages = { from: new Date('2000-01-01'), to: new Date('2100-01-01') }
const customers = Array.from({ length: 120 }, (_, i) => (1 + i * 7_919_017) % 10_000_000)
const DEMO = '14100000018'

const worldAt = (end: Date, now = end.getTime()): World =>
  createWorld({ epoch: end, clock: { now: () => now } })
const world = worldAt(epoch)
const history = (meter: string, of = world) => of.topups(meter, ages.from, ages.to)
const month = (row: TopUpRow) => row.at.toISOString().slice(0, 7)

/** Rows of each month, oldest first. */
function byMonth(rows: TopUpRow[]): TopUpRow[][] {
  const months = Map.groupBy(rows.toReversed(), month)
  return [...months.values()]
}

function expectFromEngine(n: number, rows: TopUpRow[]): void {
  for (const purchases of byMonth(rows)) {
    let boughtThisMonthKwh = 0
    for (const [index, row] of purchases.entries()) {
      const code = usageTariff(row.tariffUsage)
      const receipt = energyForAmount({
        tariff: tariffOn(code ?? '', row.at.getTime()),
        amountXof: row.totalXof,
        boughtThisMonthKwh,
        firstOfMonth: index === 0,
        phases: householdOf(n).phases,
        debtXof: row.debtXof,
        cash: row.operator === 'Guichet agence',
      })
      expect(row).toMatchObject({
        netXof: receipt.netXof,
        tcoXof: receipt.tcoXof,
        vatXof: receipt.vatXof,
        debtXof: receipt.debtXof,
        energyKwh: receipt.energyKwh,
        steps: receipt.steps,
      })
      boughtThisMonthKwh += row.energyKwh
    }
  }
}

describe('computed history', () => {
  test('is the same at every reading, whatever is asked for', () => {
    for (const n of customers) {
      const whole = history(meterOf(n))
      expect(history(meterOf(n), worldAt(epoch, epoch.getTime() + 1e10))).toEqual(whole)
      const [from, to] = [new Date('2025-03-11T10:00:00Z'), new Date('2025-05-02')]
      expect(world.topups(meterOf(n), from, to)).toEqual(whole.filter(row => row.at >= from && row.at < to))
    }
  })

  test('does not depend on when it ends, but for the demo', () => {
    const later = worldAt(new Date('2026-10-01'))
    for (const n of customers.filter(customer => customer !== 1)) {
      const shared = history(meterOf(n), later).filter(row => row.at < epoch)
      const from = shared.at(-1)?.at ?? epoch
      expect(shared).toEqual(history(meterOf(n)).filter(row => row.at >= from))
    }
  })

  test('covers three years, newest first, and ends at the epoch', () => {
    for (const n of customers) {
      const times = history(meterOf(n)).map(row => row.at.getTime())
      expect(times).toEqual(times.toSorted((a, b) => b - a))
      expect(new Set(times).size).toBe(times.length)
      expect(times[0] ?? 0).toBeLessThan(epoch.getTime())
      expect(times.at(-1) ?? epoch.getTime()).toBeGreaterThanOrEqual(Date.UTC(2023, 6, 1))
    }
  })

  test('is, purchase by purchase, what the tariff engine says', () => {
    for (const n of customers) expectFromEngine(n, history(meterOf(n)))
  })

  test('looks like life', () => {
    const rows = customers.map(n => history(meterOf(n)))
    const all = rows.flat()
    expect(all.length / customers.length / 36).toBeGreaterThan(2)
    expect(all.length / customers.length / 36).toBeLessThan(6)
    const energy = (months: string[]) =>
      all.filter(row => months.includes(month(row))).reduce((sum, row) => sum + row.energyKwh, 0)
    const hot = energy(['2025-08', '2025-09', '2025-10'])
    expect(hot).toBeGreaterThan(1.3 * energy(['2025-01', '2025-02', '2025-03']))
    expect(all.every(row => row.totalXof % 1_000 === 0)).toBe(true)
    const share = (test: (row: TopUpRow) => boolean) => all.filter(test).length / all.length
    expect(share(row => row.receivedXof === null)).toBeGreaterThan(0.01)
    expect(share(row => row.receivedXof === null)).toBeLessThan(0.1)
    expect(share(row => row.debtXof > 0)).toBeGreaterThan(0.002)
    expect(new Set(all.map(row => row.operator)).size).toBe(5)
    expect(new Set(all.map(row => row.orderNumber)).size).toBe(all.length)
    expect(new Set(all.map(row => row.token)).size).toBe(all.length)
  })

  test('a debt goes down to nothing, never below', () => {
    const owing = customers.flatMap(n => byMonth(history(meterOf(n))).map(rows => rows[0]))
    for (const row of owing) expect(row?.remainingDebtXof).toBeGreaterThanOrEqual(0)
    expect(owing.some(row => row?.debtXof && row.remainingDebtXof === 0)).toBe(true)
  })

  test('the new keys of 2024 came in three tokens, once, and every other purchase has one', () => {
    for (const n of customers) {
      const rows = history(meterOf(n))
      for (const row of rows) expect(row.token).toMatch(/^\d{20}(;\d{20};\d{20})?$/)
      const keys = rows.filter(row => row.token.includes(';'))
      expect(keys.length).toBeLessThanOrEqual(1)
      if (rows.some(row => month(row) < '2024-02')) expect(keys).toHaveLength(1)
      expect(keys.every(row => row.at.getUTCFullYear() === 2024)).toBe(true)
    }
  })

  test('a thousand meters all answer, each for itself', () => {
    const from = new Date('2026-06-01')
    const meters = Array.from({ length: 1_000 }, (_, i) => meterOf((i * 7_654_321) % 10_000_000))
    for (const number of meters) {
      expect(world.prepaidMeter(number)?.number).toBe(number)
      for (const row of world.topups(number, from, epoch)) expect(row.meterNumber).toBe(number)
    }
    expect(new Set(meters).size).toBe(1_000)
  })

  test('numbers that do not exist have nothing', () => {
    for (const number of ['14100000017', '15100000018', '', '1000000001x']) {
      expect(world.prepaidMeter(number)).toBeNull()
      expect(world.postpaidAccount(number)).toBeNull()
      expect(history(number)).toEqual([])
      expect(world.bills(number, ages.from, ages.to)).toEqual([])
    }
    expect(world.topups(DEMO, new Date(Number.NaN), ages.to)).toEqual([])
    expect(world.topups(DEMO, ages.to, ages.from)).toEqual([])
  })
})

describe('the demo customer', () => {
  test('is a domestic single-phase household that goes into the second step', () => {
    expect(usageTariff(world.prepaidMeter(DEMO)?.usage ?? null)).toBe('DPP')
    expect(householdOf(1).phases).toBe(1)
    const crossing = history(DEMO).filter(row => row.steps.length === 2)
    expect(crossing.length).toBeGreaterThan(10)
    expect(new Set(history(DEMO).map(month)).size).toBe(37)
  })

  test.each([
    '2026-07-01T00:10:00Z',
    '2026-07-01T08:00:00Z',
    '2026-07-03T12:00:00Z',
    '2026-11-22T10:00:00Z',
    '2027-02-28T23:59:59Z',
  ])('has bought something this month when it begins on %s', start => {
    const end = new Date(start)
    const rows = history(DEMO, worldAt(end))
    expect(rows.filter(row => month(row) === start.slice(0, 7)).length).toBeGreaterThan(0)
    expectFromEngine(1, rows)
  })
})

describe('bills', () => {
  test('are what the tariff engine says, follow each other without a gap, and are due some days later', () => {
    for (const n of customers) {
      const bills = world.bills(accountOf(n), ages.from, ages.to).toReversed()
      expect([18, 36].some(count => Math.abs(bills.length - count) <= 1)).toBe(true)
      for (const bill of bills) {
        const tariff = tariffOn('DPP-POST', Date.UTC(bill.year, bill.month - 1, 3))
        const { netXof, amountXof, steps } = billFor({ tariff, energyKwh: bill.energyKwh, days: bill.days })
        expect(bill).toMatchObject({ netXof, totalXof: amountXof, steps })
        expect(bill.netXof + bill.tcoXof + bill.vatXof).toBe(bill.totalXof)
        expect(bill.dueAt.getTime()).toBeGreaterThan(bill.issuedAt.getTime())
        expect(Math.abs(bill.days - (bills.length > 20 ? 30 : 60))).toBeLessThan(10)
        expect(bill.issuedAt < epoch).toBe(true)
      }
      expect(new Set(bills.map(bill => bill.id)).size).toBe(bills.length)
    }
  })

  test('are the same at every reading, whatever is asked for', () => {
    const [from, to] = [new Date('2025-02-20'), new Date('2025-09-04')]
    for (const n of customers) {
      const all = world.bills(accountOf(n).slice(2), ages.from, ages.to)
      expect(world.bills(accountOf(n), from, to)).toEqual(
        all.filter(bill => bill.issuedAt >= from && bill.issuedAt < to),
      )
    }
  })
})

describe('a purchase', () => {
  const now = new Date('2026-07-28T18:00:00Z')

  test('goes on from the month so far, as the tariff engine says', () => {
    const open = worldAt(epoch, now.getTime())
    for (const amountXof of [1_000, 25_000, 5_000, 50_000]) open.buy({ meter: DEMO, amountXof })
    const rows = history(DEMO, open)
    expect(rows.slice(0, 4).map(row => row.totalXof)).toEqual([50_000, 5_000, 25_000, 1_000])
    expectFromEngine(1, rows)
  })

  test('pays the fee when it is the first of its month, and recovers what is owed', () => {
    const later = worldAt(epoch, Date.UTC(2026, 8, 3))
    const owing = customers.find(n => (history(meterOf(n))[0]?.remainingDebtXof ?? 0) > 0) ?? -1
    const before = history(meterOf(owing))[0]
    const row = later.buy({ meter: meterOf(owing), amountXof: 10_000 })
    const fee = row.totalXof - row.netXof - row.tcoXof - row.vatXof - row.debtXof
    expect([429, 1_427]).toContain(fee)
    expect(row.debtXof).toBeGreaterThan(0)
    expect(row.remainingDebtXof).toBe((before?.remainingDebtXof ?? 0) - row.debtXof)
    expect(later.buy({ meter: meterOf(owing), amountXof: 10_000 }).debtXof).toBe(0)
  })

  test('is what "since" returns, oldest first, a watermark never between two of the same time', () => {
    const open = worldAt(epoch, now.getTime())
    const made = customers.slice(0, 5).map(n => open.buy({ meter: meterOf(n), amountXof: 2_000 }))
    const seen: TopUpRow[] = []
    for (let mark = epoch; ; ) {
      const page = open.purchasesSince(mark, 2)
      seen.push(...page)
      const last = page.at(-1)
      if (!last) break
      mark = last.at
    }
    expect(seen).toEqual(made)
  })

  test('is refused with a sentence for a meter, an amount or a time that cannot be', () => {
    const open = worldAt(epoch, now.getTime())
    const refused = (purchase: Parameters<World['buy']>[0]) => expect(() => open.buy(purchase)).toThrow(/\.$/)
    refused({ meter: '14100000017', amountXof: 5_000 })
    refused({ meter: DEMO, amountXof: 999 })
    refused({ meter: DEMO, amountXof: 1_000.5 })
    refused({ meter: DEMO, amountXof: 1_000_001 })
    refused({ meter: DEMO, amountXof: 5_000, at: new Date('2026-08-28') })
    refused({ meter: DEMO, amountXof: 5_000, at: new Date('2020-01-01') })
    refused({ meter: DEMO, amountXof: 5_000, at: new Date(Number.NaN) })
    expect(open.purchasesSince(ages.from, 10)).toEqual([])
  })
})
