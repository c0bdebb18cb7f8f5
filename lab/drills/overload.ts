import { setTimeout as pause } from 'node:timers/promises'
import type { Drill } from './drill.ts'

const STEP_MS = 7_500
/** Thousands of connections are opened at a new rate: what that costs is not what is measured. */
const WARM_MS = 4_000
/** Rates that are tried until more does not give more. */
const RATES = [200, 300, 400, 600, 800, 1_000, 1_300, 1_600, 2_000]
/** So many rates in a row that gave no more: the peak is behind. */
const ENOUGH = 2
/** The peak and five times as much are measured in turn: the best of many steps would be as much luck as strength. */
const ROUNDS = 3
const TIMES = 5
const SHARE = 0.9
const RECOVERY_MS = 10_000
/** Answers are quick again when 99 of 100 take less than this. */
const QUICK_MS = 500

/** Five times what can be served: what is served stays, the rest is told to come back, and all is well at once afterwards. */
export const overload: Drill = {
  name: 'overload',
  what: 'five times as many requests as can be served, three times 11 s',
  atMostSeconds: 300,
  async run({ load }) {
    const { rate, good } = await highest(load)
    let peak = 0
    let under = 0
    for (let round = 0; round < ROUNDS; round++) {
      peak += (await goodput(load, rate)) / ROUNDS
      under += (await goodput(load, good * TIMES)) / ROUNDS
    }
    await load.setRate(load.perSecond)
    const startedAt = Date.now()
    let recovery = 0
    for (
      let p99 = Number.POSITIVE_INFINITY;
      p99 > QUICK_MS && recovery < 60_000;
      recovery = Date.now() - startedAt
    ) {
      await load.mark()
      await pause(1_000)
      ;({ p99 } = await load.seen())
    }
    const wrong = [
      ...(under < peak * SHARE ? [`goodput ${under.toFixed(0)}/s of ${peak.toFixed(0)}/s at the peak`] : []),
      ...(recovery > RECOVERY_MS ? [`${recovery} ms until answers were quick again`] : []),
    ]
    const notes = [
      `peak ${peak.toFixed(0)} answers/s (at ${rate} requests/s); at five times ${under.toFixed(0)}/s; well again after ${(recovery / 1_000).toFixed(1)} s`,
    ]
    return { lost: 0, repeated: 0, notes, wrong }
  },
}

type Load = Parameters<Drill['run']>[0]['load']

/** The rate that gives most, and what it gives. */
async function highest(load: Load): Promise<{ rate: number; good: number }> {
  let best = { rate: 0, good: 0 }
  let noMore = 0
  for (const rate of RATES) {
    const good = await goodput(load, rate)
    noMore = good > best.good * 1.05 ? 0 : noMore + 1
    if (good > best.good) best = { rate, good }
    if (noMore === ENOUGH) break
  }
  return best
}

/** Good answers a second at a rate of requests. */
async function goodput(load: Load, rate: number): Promise<number> {
  await load.setRate(rate)
  await pause(WARM_MS)
  await load.mark()
  await pause(STEP_MS)
  const { answered, seconds } = await load.seen()
  return answered / seconds
}
