/** Months counted from year 0; times are UTC, which is Dakar's. */

export const DAY_MS = 86_400_000
export const HOUR_MS = 3_600_000

export const monthOf = (time: number): number => {
  const date = new Date(time)
  return date.getUTCFullYear() * 12 + date.getUTCMonth()
}

export const month = (year: number, monthOfYear: number): number => year * 12 + monthOfYear - 1

export const yearOf = (index: number): number => Math.floor(index / 12)

/** 0 is January. */
export const monthOfYear = (index: number): number => index % 12

export const startOf = (index: number): number => Date.UTC(yearOf(index), monthOfYear(index))

export const daysIn = (index: number): number => (startOf(index + 1) - startOf(index)) / DAY_MS

/** `YYYY-MM-DD` */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10)

/** `YYMM` */
export const shortMonth = (index: number): string =>
  `${String(yearOf(index) % 100).padStart(2, '0')}${String(monthOfYear(index) + 1).padStart(2, '0')}`
