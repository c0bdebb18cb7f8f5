import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Queryable } from './database.ts'

/** The database's time, which all processes share whatever their machines' clocks say. */
export interface DatabaseClock extends Clock {
  /** Resolves when it was asked for the first time, with whether it answered; until then the machine's clock counts. */
  asked: Promise<boolean>
  /** Asks no more. */
  stop(): Promise<void>
}

export interface DatabaseClockOptions {
  /** The machine's own clock, for as long as the database has not answered. */
  machine?: Clock
  /** A clock that never jumps; ms. */
  steady?: () => number
  everyMs?: number
  onError?: (error: unknown) => void
}

const EVERY_MS = 10_000
const AGAIN_MS = 1_000

/**
 * Leases, ends of nights and times of expiry are compared by several processes: by clocks of their own, one that is an
 * hour off would expire what is not over, or never find anything due. So they go by the database's, asked now and then
 * and carried on in between by a clock that no correction moves.
 */
export function databaseClock(db: Queryable, options: DatabaseClockOptions = {}): DatabaseClock {
  const {
    machine = systemClock,
    steady = () => performance.now(),
    everyMs = EVERY_MS,
    onError = () => undefined,
  } = options
  const stopping = new AbortController()
  /** The database's time at a moment of the steady clock, and how long that answer took. */
  let known: { database: number; steady: number; ms: number } | null = null

  const timeAt = (at: number): number | null => known && known.database + at - known.steady

  /** What is more exact than before counts, and what shows that we are off. */
  function learn(database: number, before: number, after: number): void {
    const ms = after - before
    const middle = (before + after) / 2
    const time = timeAt(middle)
    if (known === null || time === null || ms < known.ms || Math.abs(time - database) > ms / 2) {
      known = { database, steady: middle, ms }
    }
  }

  async function ask(): Promise<boolean> {
    const before = steady()
    try {
      const [row] = await db.query<{ ms: number }>(
        'select (extract(epoch from clock_timestamp()) * 1000)::float8 ms',
      )
      if (row) learn(row.ms, before, steady())
      return true
    } catch (error) {
      onError(error)
      return false
    }
  }

  async function goOn(answered: boolean): Promise<void> {
    let ms = answered ? everyMs : AGAIN_MS
    while (!stopping.signal.aborted) {
      await sleep(ms, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined)
      if (stopping.signal.aborted) return
      ms = (await ask()) ? everyMs : AGAIN_MS
    }
  }

  const asked = ask()
  const running = asked.then(goOn)
  return {
    now: () => Math.round(timeAt(steady()) ?? machine.now()),
    asked,
    async stop() {
      stopping.abort()
      await running
    },
  }
}
