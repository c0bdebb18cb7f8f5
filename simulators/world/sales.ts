import {
  type Circumstances,
  energyForAmount,
  type Tariff,
  tariffAt,
  tariffVersions,
} from '../../src/modules/tariffs/index.ts'
import { agencyName } from './agencies.ts'
import { DAY_MS, dayOf } from './calendar.ts'
import { type Household, householdOf, type Operator } from './households.ts'
import { meterOf } from './numbers.ts'
import { pocOf, TABLE, usageText } from './people.ts'
import { digits, FOR, hash } from './random.ts'
import type { TopUpRow } from './types.ts'

const tariffs = new Map<string, Tariff>()
const MOST_REMEMBERED = 20_000

/** The tariff of a day, or the oldest one known for the days before it; remembered, as a history asks for few days. */
export function tariffOn(code: string, time: number): Tariff {
  const key = `${code} ${Math.floor(time / DAY_MS)}`
  const known = tariffs.get(key)
  if (known) return known
  const tariff = tariffAt(code, dayOf(time)) ?? tariffVersions(code)[0]
  if (!tariff) throw new Error(`no tariff ${code}`)
  if (tariffs.size >= MOST_REMEMBERED) tariffs.clear()
  tariffs.set(key, tariff)
  return tariff
}

/** What all sales to a customer have in common. */
export interface Customer {
  n: number
  household: Household
  meterNumber: string
  poc: string
  agencyName: string
  tariffUsage: string
}

export const customerOf = (n: number): Customer => ({
  n,
  household: householdOf(n),
  meterNumber: meterOf(n),
  poc: pocOf(n),
  agencyName: agencyName(n, TABLE.topups),
  tariffUsage: usageText(n, TABLE.topups),
})

export interface Sale extends Circumstances {
  orderNumber: string
  at: number
  amountXof: number
  operator: Operator
  /** The debt before this sale. */
  owedXof: number
  /** The sale brings new keys: two tokens before that of the energy. */
  newKeys: boolean
}

/** The row that SIC would hold of a sale, worked out by the tariff engine. */
export function sell(customer: Customer, sale: Sale): TopUpRow {
  const { n, meterNumber, poc, tariffUsage } = customer
  const { orderNumber, at } = sale
  const bought = energyForAmount({ ...sale, cash: sale.operator.cash })
  const draw = hash(FOR.token, Number(orderNumber.slice(0, 7)), Number(orderNumber.slice(7)))
  return {
    orderNumber,
    meterNumber,
    poc,
    agencyName: customer.agencyName,
    tariffUsage,
    at: new Date(at),
    netXof: bought.netXof,
    vatXof: bought.vatXof,
    tcoXof: bought.tcoXof,
    totalXof: bought.amountXof,
    receivedXof: draw % 25 === 0 ? null : bought.amountXof,
    roundingXof: 0,
    energyKwh: bought.energyKwh,
    remainingDebtXof: sale.owedXof - bought.debtXof,
    debtXof: bought.debtXof,
    operator: sale.operator.name,
    token: (sale.newKeys ? [1, 2, 3] : [3]).map(part => digits(20, draw, n, part)).join(';'),
    steps: bought.steps,
  }
}
