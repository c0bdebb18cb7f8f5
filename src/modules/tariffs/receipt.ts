import { roundKwh, wholeXof } from '../../lib/money.ts'
import type { Piece } from './climb.ts'
import type { Tariff } from './schema.ts'

export interface StepShare {
  /** kWh, at most two decimals. */
  energyKwh: number
  /** Price of one kWh before tax; has decimals. */
  priceXof: number
  /** Cost of the step's energy before tax, whole francs. */
  amountXof: number
}

/**
 * What a purchase or a bill is made of. `amountXof` is all that the customer pays, and exactly the sum of `netXof` (the
 * energy, itself the sum of the steps), `taxesXof`, `feesXof` and `debtXof`; energies of the steps add up to `energyKwh`.
 */
export interface Receipt {
  energyKwh: number
  amountXof: number
  netXof: number
  /** TCO and TVA together. */
  taxesXof: number
  tcoXof: number
  vatXof: number
  /** Meter fee and stamp duty together. */
  feesXof: number
  meterFeeXof: number
  stampDutyXof: number
  /** Debt recovered from the payment. */
  debtXof: number
  steps: StepShare[]
}

/** Differences of the rounded running totals: each share within one unit of the exact one, and their sum exact. */
function shares(exact: number[], total: number, round: (value: number) => number): number[] {
  let sum = 0
  let given = 0
  return exact.map((value, index) => {
    sum += value
    const upTo = index === exact.length - 1 ? total : Math.min(total, round(sum))
    const share = round(upTo - given)
    given = upTo
    return share
  })
}

export interface Fees {
  meterFeeXof: number
  stampDutyXof: number
  debtXof: number
}

/** Shares `energyXof`, which pays for the pieces and their taxes, out in whole francs. */
export function receipt(tariff: Tariff, pieces: Piece[], energyXof: number, fees: Fees): Receipt {
  const steps = tariff.steps.map(() => ({ energyKwh: 0, netXof: 0 }))
  let exactVat = 0
  for (const { stretch, energyKwh } of pieces) {
    const step = steps[stretch.step]
    if (!step) continue
    step.energyKwh += energyKwh
    step.netXof += energyKwh * stretch.priceXof
    if (stretch.vat) exactVat += energyKwh * stretch.priceXof * tariff.vatRate
  }
  const exactNet = steps.reduce((sum, step) => sum + step.netXof, 0)
  const energies = steps.map(step => step.energyKwh)
  const energyKwh = roundKwh(energies.reduce((sum, energy) => sum + energy, 0))
  const energyShares = shares(energies, energyKwh, roundKwh)
  const amounts = shares(
    [exactVat, exactNet * tariff.tcoRate, ...steps.map(step => step.netXof)],
    energyXof,
    wholeXof,
  )
  const [vatXof = 0, tcoXof = 0, ...stepAmounts] = amounts
  const feesXof = fees.meterFeeXof + fees.stampDutyXof
  return {
    energyKwh,
    amountXof: energyXof + feesXof + fees.debtXof,
    netXof: energyXof - tcoXof - vatXof,
    taxesXof: tcoXof + vatXof,
    tcoXof,
    vatXof,
    feesXof,
    ...fees,
    steps: visibleSteps(
      tariff.steps.map((step, index) => ({
        energyKwh: energyShares[index] ?? 0,
        priceXof: step.priceXof,
        amountXof: stepAmounts[index] ?? 0,
      })),
    ),
  }
}

/** Leaves out steps without energy; the odd franc of one goes to the step beside it, so that the sum stays. */
function visibleSteps(steps: StepShare[]): StepShare[] {
  const visible: StepShare[] = []
  let oddXof = 0
  for (const step of steps) {
    if (step.energyKwh > 0) {
      visible.push({ ...step, amountXof: step.amountXof + oddXof })
      oddXof = 0
    } else oddXof += step.amountXof
  }
  const last = visible.at(-1)
  if (last) last.amountXof += oddXof
  else if (oddXof > 0) {
    const bearer = steps.find(step => step.amountXof > 0)
    if (bearer) visible.push({ ...bearer, amountXof: oddXof })
  }
  return visible
}
