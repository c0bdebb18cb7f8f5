import { wholeXof } from '../../lib/money.ts'
import { refuse, requireEnergy, requireWhole } from './checks.ts'
import { climb, costOf, scaleFor, stretches } from './climb.ts'
import { type Receipt, receipt } from './receipt.ts'
import type { Tariff } from './schema.ts'

export interface Circumstances {
  tariff: Tariff
  /** Energy bought since the first of the month: where in the steps this purchase starts. 0 by default. */
  boughtThisMonthKwh?: number
  /** The first purchase of the month pays the meter fee. False by default. */
  firstOfMonth?: boolean
  /** 1 by default. */
  phases?: 1 | 3
  /** Debt to recover from this payment; what the amount cannot cover is left. 0 by default. */
  debtXof?: number
  /** Paid in cash: the stamp duty is in the amount. False by default. */
  cash?: boolean
}

const meterFee = ({ tariff, firstOfMonth, phases }: Circumstances): number =>
  firstOfMonth ? (phases === 3 ? tariff.meterFeeXof.threePhase : tariff.meterFeeXof.singlePhase) : 0

/**
 * What a prepaid payment buys. `amountXof` is all that the customer pays, stamp duty, meter fee and debt included, taken
 * in that order; the rest climbs the steps from what was bought this month, a kWh at price × (1 + TCO + TVA where due).
 * Energy is rounded to 0.01 kWh, money shared out in whole francs.
 * Throws `invalid` for an amount below the smallest purchase or not in whole francs, and for negative circumstances.
 */
export function energyForAmount(purchase: Circumstances & { amountXof: number }): Receipt {
  const { tariff, amountXof, boughtThisMonthKwh = 0, debtXof = 0, cash = false } = purchase
  requireWhole('amountXof', amountXof, tariff.smallestPurchaseXof)
  requireWhole('debtXof', debtXof, 0)
  requireEnergy('boughtThisMonthKwh', boughtThisMonthKwh)
  // The duty comes on top of what it taxes: 10,000 F of electricity in cash are paid 10,100 F.
  const rate = cash ? tariff.cashStampDutyRate : 0
  const stampDutyXof = wholeXof((amountXof * rate) / (1 + rate))
  const meterFeeXof = Math.min(meterFee(purchase), amountXof - stampDutyXof)
  const recoveredXof = Math.min(debtXof, amountXof - stampDutyXof - meterFeeXof)
  const energyXof = amountXof - stampDutyXof - meterFeeXof - recoveredXof
  const pieces = climb(stretches(tariff, 1), boughtThisMonthKwh, Number.POSITIVE_INFINITY, energyXof)
  return receipt(tariff, pieces, energyXof, { stampDutyXof, meterFeeXof, debtXof: recoveredXof })
}

/**
 * What an energy costs, prepaid: the cost without its fraction of a franc, plus debt, meter fee and stamp duty. Buying for
 * that amount gives the energy back within 0.03 kWh. It may be less than `smallestPurchaseXof`, which is the least that
 * can be paid at once. Throws `invalid` for a negative energy or circumstance.
 */
export function amountForEnergy(purchase: Circumstances & { energyKwh: number }): Receipt {
  const { tariff, energyKwh, boughtThisMonthKwh = 0, debtXof = 0, cash = false } = purchase
  requireEnergy('energyKwh', energyKwh)
  requireEnergy('boughtThisMonthKwh', boughtThisMonthKwh)
  requireWhole('debtXof', debtXof, 0)
  const pieces = climb(stretches(tariff, 1), boughtThisMonthKwh, energyKwh, Number.POSITIVE_INFINITY)
  // Sums of decimals fall a hair below the whole franc that they are.
  const energyXof = Math.floor(costOf(pieces) + 1e-6)
  const meterFeeXof = meterFee(purchase)
  const stampDutyXof = cash ? wholeXof((energyXof + meterFeeXof + debtXof) * tariff.cashStampDutyRate) : 0
  return receipt(tariff, pieces, energyXof, { stampDutyXof, meterFeeXof, debtXof })
}

/**
 * The bill of an energy used in some days: the steps, and the energy from which TVA is due, are scaled to the days when the
 * tariff says so (`stepsPerDays`). Money is rounded to the nearest franc. Throws `invalid` for days that are not whole and
 * positive, and for a negative energy.
 */
export function billFor(use: { tariff: Tariff; energyKwh: number; days: number }): Receipt {
  const { tariff, energyKwh, days } = use
  requireEnergy('energyKwh', energyKwh)
  if (!Number.isSafeInteger(days) || days < 1) refuse('days', 'Un nombre de jours', 'A number of days')
  const pieces = climb(stretches(tariff, scaleFor(tariff, days)), 0, energyKwh, Number.POSITIVE_INFINITY)
  return receipt(tariff, pieces, wholeXof(costOf(pieces)), { stampDutyXof: 0, meterFeeXof: 0, debtXof: 0 })
}
