import { type Static, Type } from 'typebox'
import { Instant, Nullable, PageQuery, Strict } from '../../http/index.ts'
import { MeterLink } from '../meters/index.ts'

const Energy = Type.Number({ description: 'kWh', examples: [53.5] })
const Amount = Type.Integer({ description: 'Whole francs', examples: [5000] })
const Month = Type.String({ pattern: '^\\d{4}-\\d{2}$', examples: ['2026-03'] })
const Day = Type.String({ format: 'date', examples: ['2026-03-07'] })

/** How old an answer is. */
const freshness = {
  asOf: Type.String({
    format: 'date-time',
    description: 'When the company’s systems said so',
    examples: ['2026-03-07T23:30:00.000Z'],
  }),
  stale: Type.Boolean({
    description: 'They do not answer now: this is the last known copy, true at `asOf`',
    examples: [false],
  }),
}

export const MonthFigures = Type.Object({ month: Month, energyKwh: Energy, amountXof: Amount })
export type MonthFigures = Static<typeof MonthFigures>

export const TopUpItem = Type.Object(
  {
    id: Type.String({ description: 'Order number', examples: ['90000000000042'] }),
    at: Instant,
    amountXof: Type.Integer({ description: 'What was paid', examples: [5000] }),
    energyKwh: Energy,
    taxesXof: Amount,
    feesXof: Type.Integer({ description: 'Meter fee and stamp duty', examples: [429] }),
    debtXof: Type.Integer({ description: 'Debt taken from the payment', examples: [0] }),
    remainingDebtXof: Type.Integer({ examples: [0] }),
    operator: Nullable(Type.String({ examples: ['Mobile money'] })),
    steps: Type.Array(
      Type.Object({
        energyKwh: Energy,
        priceXof: Type.Number({ description: 'One kWh before tax', examples: [82] }),
        amountXof: Amount,
      }),
    ),
    tokens: Type.Array(Type.String({ examples: ['12345678901234567890'] }), {
      description: '20 digits each, in the order in which they must be entered',
    }),
  },
  { description: 'A prepaid purchase' },
)

export const BillItem = Type.Object(
  {
    id: Type.String({ examples: ['1305'] }),
    number: Type.String({ examples: ['202603000001'] }),
    issuedOn: Day,
    dueOn: Nullable(Day),
    days: Nullable(Type.Integer({ description: 'Days covered', examples: [31] })),
    month: Month,
    energyKwh: Energy,
    amountXof: Amount,
    taxesXof: Amount,
    steps: Type.Array(Type.Object({ energyKwh: Energy }), { description: 'By tranche, the first one first' }),
  },
  { description: 'A postpaid invoice' },
)

export const Summary = Type.Object(
  {
    meter: MeterLink,
    ...freshness,
    month: Type.Object(
      {
        ...MonthFigures.properties,
        previous: Nullable(MonthFigures),
        sameMonthLastYear: Nullable(MonthFigures),
      },
      {
        description:
          'Prepaid: bought in the calendar month of `asOf`. Postpaid: the last month that was billed. The others are null without a figure.',
      },
    ),
    tranche: Nullable(
      Type.Object(
        {
          step: Type.Integer({ description: 'From 1', examples: [1] }),
          energyToNextKwh: Nullable(Energy),
          priceXof: Type.Number({ description: 'One kWh before tax', examples: [82] }),
          nextPriceXof: Nullable(Type.Number({ examples: [136.49] })),
        },
        { description: 'Position in the steps of the tariff; null when the tariff is not known' },
      ),
    ),
    threshold: Nullable(
      Type.Object(
        {
          color: Type.String({ examples: ['green'] }),
          kwhMin: Type.Number({ examples: [0] }),
          kwhMax: Nullable(Type.Number({ examples: [150] })),
        },
        { description: 'Colour band of the month; null when the tariff is not known' },
      ),
    ),
    last: Nullable(
      Type.Union([TopUpItem, BillItem], { description: 'The newest top-up (prepaid) or bill (postpaid)' }),
    ),
  },
  { description: 'All that the first screen needs' },
)

export const MonthList = Type.Object({ items: Type.Array(MonthFigures), ...freshness })

const pageOf = <T extends typeof TopUpItem | typeof BillItem>(item: T) =>
  Type.Object({ items: Type.Array(item), nextCursor: Nullable(Type.String()), ...freshness })
export const TopUpPage = pageOf(TopUpItem)
export const BillPage = pageOf(BillItem)

export const MonthsQuery = Strict({
  year: Type.Optional(
    Type.Integer({ minimum: 2000, maximum: 2200, description: 'This year by default', examples: [2026] }),
  ),
})

export const PeriodQuery = Strict({
  from: Type.Optional(
    Type.String({ format: 'date', description: 'First day; three years before `to` by default' }),
  ),
  to: Type.Optional(
    Type.String({ format: 'date', description: 'Last day, itself included; today by default' }),
  ),
  ...PageQuery.properties,
})
export type PeriodQuery = Static<typeof PeriodQuery>
