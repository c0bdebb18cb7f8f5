/** Hours in which a customer's devices stay silent: minutes of the day in Dakar's time, which is UTC; `from` may be later than `to`. */
export interface QuietHours {
  from: number
  to: number
}

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
/** Ends are rounded up to this: those of one chunk whose nights end alike wait in one unit. */
const TOGETHER = 15 * MINUTE

/** When the quiet hours that `now` lies in are over, up to a quarter of an hour later; null outside them. */
export function quietUntil({ from, to }: QuietHours, now: number): number | null {
  const midnight = Math.floor(now / DAY) * DAY
  const minute = (now - midnight) / MINUTE
  const quiet = from < to ? minute >= from && minute < to : minute >= from || minute < to
  if (!quiet) return null
  const end = midnight + to * MINUTE + (minute < to ? 0 : DAY)
  return Math.ceil(end / TOGETHER) * TOGETHER
}

/** Whether minutes `$from` and `$to` of a row, as SQL expressions, hold the minute of the day that `$minute` gives. */
export const isQuiet = (from: string, to: string, minute: string): string =>
  `coalesce(case when ${from} < ${to} then ${minute} >= ${from} and ${minute} < ${to} else ${minute} >= ${from} or ${minute} < ${to} end, false)`

/** The minute of the day. */
export const minuteOf = (now: number): number => Math.floor((now % DAY) / MINUTE)
