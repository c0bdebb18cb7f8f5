import type { Tariff } from './schema.ts'

/** A stretch of the month's energy with one price and one tax. */
export interface Stretch {
  step: number
  toKwh: number
  priceXof: number
  taxedXof: number
  vat: boolean
}

export interface Piece {
  stretch: Stretch
  energyKwh: number
}

/** How far a bill's steps reach, against those of the tariff: the days covered over the days the steps are meant for. */
export const scaleFor = (tariff: Tariff, days: number | undefined): number =>
  tariff.stepsPerDays === null || days === undefined ? 1 : days / tariff.stepsPerDays

/** The steps, cut where TVA starts; `scale` stretches both to the days that a bill covers. */
export function stretches(tariff: Tariff, scale: number): Stretch[] {
  const vatFrom = tariff.vatFromKwh * scale
  const list: Stretch[] = []
  let from = 0
  tariff.steps.forEach(({ upToKwh, priceXof }, step) => {
    const end = upToKwh === null ? Number.POSITIVE_INFINITY : upToKwh * scale
    for (const toKwh of vatFrom > from && vatFrom < end ? [vatFrom, end] : [end]) {
      const vat = from >= vatFrom
      const taxedXof = priceXof * (1 + tariff.tcoRate + (vat ? tariff.vatRate : 0))
      list.push({ step, toKwh, priceXof, taxedXof, vat })
      from = toKwh
    }
  })
  return list
}

/** Goes up the stretches from `fromKwh` until the energy or the money is used up. */
export function climb(list: Stretch[], fromKwh: number, energyKwh: number, moneyXof: number): Piece[] {
  const pieces: Piece[] = []
  let at = fromKwh
  let energyLeft = energyKwh
  let moneyLeft = moneyXof
  for (const stretch of list) {
    if (at >= stretch.toKwh) continue
    const room = stretch.toKwh - at
    const taken = Math.min(room, energyLeft, moneyLeft / stretch.taxedXof)
    if (taken > 0) pieces.push({ stretch, energyKwh: taken })
    if (taken < room) break
    at = stretch.toKwh
    energyLeft -= taken
    moneyLeft -= taken * stretch.taxedXof
  }
  return pieces
}

export const costOf = (pieces: Piece[]): number =>
  pieces.reduce((sum, piece) => sum + piece.energyKwh * piece.stretch.taxedXof, 0)
