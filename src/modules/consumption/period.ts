import type { Period } from '../../backoffice/types.ts'
import { Problem } from '../../lib/problems.ts'

/*
 * Days and months of Africa/Dakar, which keeps UTC all year.
 */

const DAY_MS = 86_400_000
const FIRST_YEAR = 2000
/** Longest period of one question. */
const MOST_YEARS = 3

/** The day of an instant, `YYYY-MM-DD`. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
/** The month of an instant, `YYYY-MM`. */
export const monthOf = (ms: number): string => dayOf(ms).slice(0, 7)
export const yearOf = (ms: number): number => new Date(ms).getUTCFullYear()

/** The month that is `back` months before `YYYY-MM`. */
export function monthsBefore(month: string, back: number): string {
  const [year = 0, ofYear = 1] = month.split('-').map(Number)
  return monthOf(Date.UTC(year, ofYear - 1 - back, 1))
}

/** Whole calendar years, both included. */
export const wholeYears = (first: number, last: number): Period => ({
  from: new Date(Date.UTC(first, 0, 1)),
  to: new Date(Date.UTC(last + 1, 0, 1)),
})

/** The three years up to a day, that day included: what is asked when the customer says nothing. */
export const upTo = (day: string): Period => periodOf(addYears(day, -MOST_YEARS), day)

/**
 * The period between two days, both included. Without `from`, three years before `to`; without `to`, today. Throws
 * `invalid` for a year before 2000 or after the next one, days in the wrong order, and more than three years.
 */
export function periodBetween(from: string | undefined, to: string | undefined, now: number): Period {
  const today = dayOf(now)
  for (const [field, day] of Object.entries({ from, to })) {
    if (day !== undefined) refuseYear(field, Number(day.slice(0, 4)), now)
  }
  const last = to ?? (from === undefined ? today : clamp(today, from, addYears(from, MOST_YEARS)))
  const first = from ?? addYears(last, -MOST_YEARS)
  if (first > last) throw refused('from', 'Après la fin de la période', 'After the end of the period')
  if (addYears(first, MOST_YEARS) < last) {
    throw refused('from', 'Au plus trois ans à la fois', 'At most three years at once')
  }
  return periodOf(first, last)
}

/** Throws `invalid` for a year that can have no figures. */
export function refuseYear(field: string, year: number, now: number): void {
  const latest = yearOf(now) + 1
  if (year < FIRST_YEAR || year > latest) {
    throw refused(field, `Une année de ${FIRST_YEAR} à ${latest}`, `A year from ${FIRST_YEAR} to ${latest}`)
  }
}

const periodOf = (first: string, last: string): Period => ({
  from: new Date(first),
  to: new Date(Date.parse(last) + DAY_MS),
})

function addYears(day: string, years: number): string {
  const [year = 0, month = 1, ofMonth = 1] = day.split('-').map(Number)
  return dayOf(Date.UTC(year + years, month - 1, ofMonth))
}

const clamp = (day: string, least: string, most: string): string =>
  day < least ? least : day > most ? most : day

const refused = (field: string, fr: string, en: string): Problem =>
  new Problem('invalid', { detail: { fr, en }, errors: [{ field, message: en }] })
