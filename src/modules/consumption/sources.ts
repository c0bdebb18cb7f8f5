import type { Static } from 'typebox'
import type { After, BackOffice, Bill, MonthTotal, Period, TopUp } from '../../backoffice/types.ts'
import type { OpenMeter } from '../meters/index.ts'
import type { BillItem, TopUpItem } from './schema.ts'

/** An item as it is shown and kept, with the tariff in the back office's words. */
export type KeptTopUp = Static<typeof TopUpItem> & { tariff: string | null }
export type KeptBill = Static<typeof BillItem> & { tariff: string | null }

/** Newest first, from one place. */
export interface Source<Item> {
  ask: (period: Period, page: { limit: number; after?: After }) => Promise<Item[]>
  /** ms since the epoch, by which a list is ordered. */
  timeOf: (item: Item) => number
  /** What an id looks like: nothing else goes into a question. */
  idShape: RegExp
}

export const topupsOf = (backoffice: BackOffice, meter: OpenMeter): Source<KeptTopUp> => ({
  ask: async (period, page) =>
    (await backoffice.topups({ meterNumber: meter.number, poc: meter.poc, ...period }, page)).map(topupItem),
  timeOf: item => Date.parse(item.at),
  idShape: /^[\x21-\x7e]{1,40}$/,
})

export const billsOf = (backoffice: BackOffice, meter: OpenMeter): Source<KeptBill> => ({
  ask: async (period, page) =>
    (await backoffice.bills({ account: meter.number, ...period }, page)).map(billItem),
  timeOf: item => Date.parse(item.issuedOn),
  idShape: /^\d{1,18}$/,
})

export const monthsOf = (
  backoffice: BackOffice,
  { kind, number, poc }: OpenMeter,
  period: Period,
): Promise<MonthTotal[]> =>
  kind === 'prepaid'
    ? backoffice.topupMonths({ meterNumber: number, poc, ...period })
    : backoffice.billMonths({ account: number, ...period })

const topupItem = (topup: TopUp): KeptTopUp => ({
  id: topup.id,
  at: topup.at.toISOString(),
  amountXof: topup.amountXof,
  energyKwh: topup.energyKwh,
  taxesXof: topup.taxesXof,
  feesXof: topup.feesXof,
  debtXof: topup.debtXof,
  remainingDebtXof: topup.remainingDebtXof,
  operator: topup.operator,
  steps: topup.steps,
  tokens: topup.tokens,
  tariff: topup.tariff,
})

const billItem = (bill: Bill): KeptBill => ({
  id: bill.id,
  number: bill.number,
  issuedOn: bill.issuedOn,
  dueOn: bill.dueOn,
  days: bill.days,
  month: bill.month,
  energyKwh: bill.energyKwh,
  amountXof: bill.amountXof,
  taxesXof: bill.taxesXof,
  steps: bill.steps,
  tariff: bill.tariff,
})
