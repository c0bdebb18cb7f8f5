import { setTimeout as delay } from 'node:timers/promises'
import { meterOf } from './numbers.ts'
import { pick } from './random.ts'
import type { World } from './types.ts'

export interface Everyday {
  perMinute: number
  /** It ends by itself after that many purchases. */
  stopAfter: number
  /** Numbers in [0, 1). */
  random: () => number
  /** How many customers buy, numbered from `first`. */
  among: number
  first: number
  /** Resolves after that many milliseconds, or rejects when the signal aborts. */
  wait?: (ms: number, signal: AbortSignal) => Promise<unknown>
}

const AMOUNTS_XOF = [
  1_000, 1_000, 2_000, 2_000, 2_000, 3_000, 5_000, 5_000, 5_000, 10_000, 10_000, 20_000,
] as const

/** A longer one would make a timer fire at once. */
const LONGEST_WAIT_MS = 2 ** 31 - 1

const waitFor = (ms: number, signal: AbortSignal): Promise<unknown> =>
  delay(ms, undefined, { signal, ref: false })

/**
 * Customers who buy at their own pace, `perMinute` on average. `done` resolves with the number of purchases when the last one is
 * made or `stop` is called, and rejects when a purchase cannot be made.
 */
export function everyday(world: World, habits: Everyday): { stop(): void; done: Promise<number> } {
  const { perMinute, stopAfter, random, among, first, wait = waitFor } = habits
  if (!(perMinute > 0)) throw new RangeError('perMinute must be more than 0')
  const stopping = new AbortController()

  async function live(): Promise<number> {
    for (let made = 0; made < stopAfter; made++) {
      // Independent customers: the time between two purchases is exponential, cut at ten times its mean.
      const pause = Math.min(LONGEST_WAIT_MS, Math.min(10, -Math.log(1 - random())) * (60_000 / perMinute))
      try {
        await wait(pause, stopping.signal)
      } catch (error) {
        if (stopping.signal.aborted) return made
        throw error
      }
      if (stopping.signal.aborted) return made
      const n = first + Math.floor(random() * among)
      world.buy({ meter: meterOf(n), amountXof: pick(AMOUNTS_XOF, random()) })
    }
    return stopAfter
  }

  return { stop: () => stopping.abort(), done: live() }
}
