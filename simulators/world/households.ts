import { month, monthOfYear } from './calendar.ts'
import { DEMO_CUSTOMER } from './numbers.ts'
import { FOR, pick, sequence } from './random.ts'

/** How a customer lives, as far as electricity shows it. */
export interface Household {
  tariffCode: 'DPP' | 'DMP' | 'PPP'
  phases: 1 | 3
  /** kWh of a month that is neither hot nor cool. */
  usualKwh: number
  /** How much of the usual the hottest month adds: fans and air conditioning. */
  heat: number
  /** Round amounts that they buy for, the habitual ones several times. */
  amountsXof: readonly [number, ...number[]]
  payDay: 'start' | 'end' | 'any'
  /** Months counted as in calendar.ts; nothing was bought before. */
  installed: number
  /** The month of 2024 whose first purchase brought the new keys. */
  keyChange: number
  debt: Debt | null
  operator: Operator
}

export interface Debt {
  from: number
  months: number
  /** Taken from the first purchase of each month. */
  monthlyXof: number
}

export interface Operator {
  name: string
  cash: boolean
}

export const OPERATORS: readonly [Operator, ...Operator[]] = [
  { name: 'Mobile money', cash: false },
  { name: 'Wave', cash: false },
  { name: 'Orange Money', cash: false },
  { name: 'Wizall', cash: false },
  { name: 'Guichet agence', cash: true },
]

interface Kind {
  /** Of all customers, this kind and those before it. */
  upTo: number
  tariffCode: Household['tariffCode']
  threePhase: number
  usualKwh: readonly [number, number]
  heat: readonly [number, number]
  amountsXof: readonly [number, ...number[]]
}

const MEDIUM: Kind = {
  upTo: 0.73,
  tariffCode: 'DPP',
  threePhase: 0.02,
  usualKwh: [105, 210],
  heat: [0.2, 0.5],
  amountsXof: [2_000, 3_000, 5_000, 5_000, 5_000, 10_000],
}

const KINDS: readonly Kind[] = [
  {
    upTo: 0.33,
    tariffCode: 'DPP',
    threePhase: 0,
    usualKwh: [40, 105],
    heat: [0.1, 0.25],
    amountsXof: [1_000, 1_000, 2_000, 2_000, 3_000, 5_000],
  },
  MEDIUM,
  {
    upTo: 0.88,
    tariffCode: 'DPP',
    threePhase: 0.1,
    usualKwh: [210, 420],
    heat: [0.35, 0.8],
    amountsXof: [5_000, 10_000, 10_000, 15_000, 20_000],
  },
  {
    upTo: 0.95,
    tariffCode: 'DMP',
    threePhase: 0.5,
    usualKwh: [180, 700],
    heat: [0.3, 0.7],
    amountsXof: [10_000, 15_000, 20_000, 25_000, 50_000],
  },
  {
    upTo: 1,
    tariffCode: 'PPP',
    threePhase: 0.3,
    usualKwh: [90, 600],
    heat: [0.2, 0.5],
    amountsXof: [5_000, 10_000, 20_000, 25_000],
  },
]

const between = ([least, most]: readonly [number, number], at: number): number => least + (most - least) * at

const kindAt = (at: number): Kind => KINDS.find(kind => at < kind.upTo) ?? MEDIUM

const DEMO: Household = {
  tariffCode: 'DPP',
  phases: 1,
  usualKwh: 165,
  heat: 0.45,
  amountsXof: [2_000, 5_000, 5_000, 10_000],
  payDay: 'start',
  installed: 0,
  keyChange: month(2024, 9),
  debt: null,
  operator: { name: 'Mobile money', cash: false },
}

/** The household of a number, always the same. */
export function householdOf(n: number): Household {
  if (n === DEMO_CUSTOMER) return DEMO
  const draw = sequence(FOR.household, n)
  const kind = kindAt(draw())
  const installed = draw() < 0.12 ? month(2024, 1) + Math.floor(draw() * 30) : 0
  return {
    tariffCode: kind.tariffCode,
    phases: draw() < kind.threePhase ? 3 : 1,
    usualKwh: between(kind.usualKwh, draw()),
    heat: between(kind.heat, draw()),
    amountsXof: kind.amountsXof,
    payDay: pick(['start', 'start', 'end', 'any'], draw()),
    installed,
    keyChange: month(2024, 2) + Math.floor(draw() * 10),
    debt: draw() < 0.12 ? debt(draw, installed) : null,
    operator: pick(OPERATORS, draw()),
  }
}

const debt = (draw: () => number, installed: number): Debt => ({
  from: Math.max(installed, month(2023, 12) + Math.floor(draw() * 40)),
  months: 6 + Math.floor(draw() * 13),
  monthlyXof: pick([500, 1_000, 1_500, 2_500], draw()),
})

/** From the cool of February (−) to the damp heat of September (+), by month of the year. */
const WARMTH = [-0.3, -0.35, -0.25, -0.15, 0, 0.45, 0.75, 0.9, 1, 0.85, 0.25, -0.2]

/** Months with Ramadan's evenings or Tabaski's visitors in them. */
const FEASTS = new Set(
  [
    [2023, 4],
    [2023, 6],
    [2024, 3],
    [2024, 6],
    [2025, 3],
    [2025, 6],
    [2026, 2],
    [2026, 5],
    [2027, 2],
    [2027, 5],
  ].map(([year = 0, ofYear = 1]) => month(year, ofYear)),
)

/** How much more, or less, than usual a household uses in a month. */
export const seasonOf = (household: Household, index: number): number =>
  (1 + household.heat * (WARMTH[monthOfYear(index)] ?? 0)) * (FEASTS.has(index) ? 1.05 : 1)
