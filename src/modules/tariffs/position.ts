import { roundKwh } from '../../lib/money.ts'
import { requireEnergy } from './checks.ts'
import { scaleFor } from './climb.ts'
import type { Band, Tariff } from './schema.ts'

export interface Position {
  /** From 1: the step of the next kWh, so exactly at the end of a step it is the following one. */
  step: number
  /** Prices of one kWh before tax. */
  priceXof: number
  /** Null in the last step, and then `energyToNextKwh` too. */
  nextPriceXof: number | null
  energyToNextKwh: number | null
}

/** Where in the steps someone stands after an energy bought in the month, or used in the `days` of a bill. */
export function position(of: { tariff: Tariff; boughtThisMonthKwh: number; days?: number }): Position {
  const { tariff, boughtThisMonthKwh, days } = of
  requireEnergy('boughtThisMonthKwh', boughtThisMonthKwh)
  const scale = scaleFor(tariff, days)
  const found = tariff.steps.findIndex(
    step => step.upToKwh === null || roundKwh(boughtThisMonthKwh) < roundKwh(step.upToKwh * scale),
  )
  const index = found < 0 ? tariff.steps.length - 1 : found
  const step = tariff.steps[index]
  const next = tariff.steps[index + 1]
  return {
    step: index + 1,
    priceXof: step?.priceXof ?? 0,
    nextPriceXof: next?.priceXof ?? null,
    energyToNextKwh: next && step?.upToKwh ? roundKwh(step.upToKwh * scale - boughtThisMonthKwh) : null,
  }
}

/** The colour band of a month's consumption; the end of a band belongs to it (150 kWh are still in 0–150). */
export function thresholdFor(tariff: Tariff, kwh: number): Band {
  const { bands } = tariff.thresholds
  const band = bands.find(candidate => candidate.kwhMax === null || kwh <= candidate.kwhMax) ?? bands.at(-1)
  if (!band) throw new Error(`tariff ${tariff.code} has no colour band`)
  return band
}
