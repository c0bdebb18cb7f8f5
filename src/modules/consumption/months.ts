import type { MonthTotal } from '../../backoffice/types.ts'
import type { Ctx } from '../../services.ts'
import type { OpenMeter } from '../meters/index.ts'
import { copyOf, type Figures, figuresOf } from './figures.ts'
import { refuseYear, wholeYears, yearOf } from './period.ts'
import type { MonthFigures } from './schema.ts'
import { monthsOf } from './sources.ts'

const RECENT = 'months'

interface Months {
  /** The first year that was asked for. */
  since: number
  items: MonthFigures[]
}

/** Months of this year and the last that have a figure, oldest first: one question for the first screen and both years' pages. */
export function recentMonths(ctx: Ctx, meter: OpenMeter): Promise<Figures<Months>> {
  const year = yearOf(ctx.clock.now())
  return figuresOf(ctx, {
    meterId: meter.meterId,
    what: RECENT,
    isKept: true,
    ask: () => askMonths(ctx, meter, year - 1, year),
  })
}

/** Months of a year that have a figure, oldest first. `invalid` for a year before 2000 or after the next. */
export async function listMonths(ctx: Ctx, meter: OpenMeter, asked: number | undefined) {
  const now = ctx.clock.now()
  const year = asked ?? yearOf(now)
  refuseYear('year', year, now)
  const { value, asOf, stale } =
    year >= yearOf(now) - 1 ? await recentMonths(ctx, meter) : await olderYear(ctx, meter, year)
  return {
    items: value.items.filter(item => item.month.startsWith(`${year}-`)),
    asOf: new Date(asOf).toISOString(),
    stale,
  }
}

function olderYear(ctx: Ctx, meter: OpenMeter, year: number): Promise<Figures<Months>> {
  return figuresOf(ctx, {
    meterId: meter.meterId,
    what: `${RECENT}:${year}`,
    isKept: true,
    ask: () => askMonths(ctx, meter, year, year),
    // Kept when the year was one of the recent ones.
    instead: async () => {
      const copy = await copyOf<Months>(ctx, meter.meterId, RECENT)
      return copy && copy.value.since <= year ? copy : null
    },
  })
}

async function askMonths(ctx: Ctx, meter: OpenMeter, first: number, last: number): Promise<Months> {
  const items = await monthsOf(ctx.backoffice, meter, wholeYears(first, last))
  return { since: first, items: items.map(monthFigures) }
}

const monthFigures = ({ month, energyKwh, amountXof }: MonthTotal): MonthFigures => ({
  month,
  energyKwh,
  amountXof,
})
