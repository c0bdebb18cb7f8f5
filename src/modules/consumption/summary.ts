import type { Static } from 'typebox'
import type { Ctx } from '../../services.ts'
import type { OpenMeter } from '../meters/index.ts'
import { position, type Tariff, tariffAt, thresholdFor, usageTariff } from '../tariffs/index.ts'
import type { Figures } from './figures.ts'
import { latestOf } from './list.ts'
import { recentMonths } from './months.ts'
import { dayOf, monthOf, monthsBefore } from './period.ts'
import type { MonthFigures, Summary } from './schema.ts'
import { billsOf, type KeptBill, type KeptTopUp, topupsOf } from './sources.ts'

type Last = { of: 'topup'; item: KeptTopUp | undefined } | { of: 'bill'; item: KeptBill | undefined }

/** All that the first screen needs, by two questions asked at the same time. */
export async function summarise(ctx: Ctx, meter: OpenMeter): Promise<Static<typeof Summary>> {
  const [months, latest] = await Promise.all([recentMonths(ctx, meter), lastOf(ctx, meter)])
  const { items } = months.value
  const base = baseMonth(meter, items, months.asOf)
  const find = (month: string): MonthFigures | null => items.find(item => item.month === month) ?? null
  const now = find(base) ?? { month: base, energyKwh: 0, amountXof: 0 }
  const asOf = Math.min(months.asOf, latest.asOf)
  return {
    meter: meter.link,
    asOf: new Date(asOf).toISOString(),
    stale: months.stale || latest.stale,
    month: { ...now, previous: find(monthsBefore(base, 1)), sameMonthLastYear: find(monthsBefore(base, 12)) },
    ...gauge(meter, now, latest.value, asOf),
    last: latest.value.item ?? null,
  }
}

async function lastOf(ctx: Ctx, meter: OpenMeter): Promise<Figures<Last>> {
  if (meter.kind === 'prepaid') {
    const { value, ...age } = await latestOf(ctx, meter, topupsOf(ctx.backoffice, meter))
    return { ...age, value: { of: 'topup', item: value.items[0] } }
  }
  const { value, ...age } = await latestOf(ctx, meter, billsOf(ctx.backoffice, meter))
  return { ...age, value: { of: 'bill', item: value.items[0] } }
}

/**
 * The month that is shown. What is bought counts in the calendar month of the answer, so an old copy shows its own month
 * and not an empty present one. What is billed is known when the bill comes: the last month that has one.
 */
function baseMonth({ kind }: OpenMeter, items: MonthFigures[], asOf: number): string {
  const current = monthOf(asOf)
  if (kind === 'prepaid') return current
  return items.findLast(item => item.month <= current)?.month ?? current
}

/** Where the month stands in the tariff's steps and colours; both null when we do not know the tariff. */
function gauge(
  meter: OpenMeter,
  month: MonthFigures,
  last: Last,
  asOf: number,
): Pick<Static<typeof Summary>, 'tranche' | 'threshold'> {
  const code = usageTariff(last.item?.tariff ?? null, meter.kind) ?? usageTariff(meter.tariff, meter.kind)
  // A bill follows the tariff of its month, a purchase that of today.
  const day = meter.kind === 'prepaid' ? dayOf(asOf) : `${month.month}-28`
  const tariff = code === null ? null : tariffAt(code, day)
  if (!tariff) return { tranche: null, threshold: null }
  const energyKwh = Math.max(0, month.energyKwh)
  const days = daysBilled(month, last)
  const { step, energyToNextKwh, priceXof, nextPriceXof } = position({
    tariff,
    boughtThisMonthKwh: energyKwh,
    ...(days === null ? {} : { days }),
  })
  const { color, kwhMin, kwhMax } = thresholdFor(tariff, energyKwh / scaleOf(tariff, days))
  return {
    tranche: { step, energyToNextKwh, priceXof, nextPriceXof },
    threshold: { color, kwhMin, kwhMax },
  }
}

/** The days that the month's energy was used in, when one bill with its days says all of it. */
function daysBilled(month: MonthFigures, { of, item }: Last): number | null {
  if (of !== 'bill' || item?.month !== month.month || item.energyKwh !== month.energyKwh) return null
  return item.days !== null && item.days > 0 ? item.days : null
}

/** How many months' worth of steps a bill covers. */
const scaleOf = ({ stepsPerDays }: Tariff, days: number | null): number =>
  stepsPerDays === null || days === null ? 1 : days / stepsPerDays
