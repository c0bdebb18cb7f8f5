import { setTimeout as pause } from 'node:timers/promises'
import type { Drill } from './drill.ts'

const STEP_MS = 7_500
/** Thousands of connections are opened at a new rate: what that costs is not what is measured. */
const WARM_MS = 4_000
/** So many rates in a row that gave no more: the peak is behind. */
const ENOUGH = 2
const OVER_MS = 15_000
/** Rates that are tried until more does not give more. */
const RATES = [200, 400, 600, 800, 1_000, 1_300, 1_600, 2_000]
const SHARE = 0.9
const RECOVERY_MS = 10_000
/** Answers are quick again when 99 of 100 take less than this. */
const QUICK_MS = 500

/** Five times what can be served: what is served stays, the rest is told to come back, and all is well at once afterwards. */
export const overload: Drill = {
  name: 'overload',
  what: 'five times as many requests as can be served, for 15 s',
  atMostSeconds: 240,
  async run({ load }) {
    // What is borne for as long as the overload lasts, two steps together: one alone is as much luck as strength.
    let peak = 0
    let before: number | undefined
    let noMore = 0
    for (const rate of RATES) {
      const good = await goodput(load, rate, STEP_MS)
      const borne = before === undefined ? 0 : (before + good) / 2
      before = good
      noMore = borne > peak * 1.05 ? 0 : noMore + 1
      peak = Math.max(peak, borne)
      if (peak > 0 && noMore === ENOUGH) break
    }
    const under = await goodput(load, peak * 5, OVER_MS)
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
      ...(under > peak * 1.1 ? [`the peak was not found: ${under.toFixed(0)}/s at five times`] : []),
      ...(under < peak * SHARE ? [`goodput ${under.toFixed(0)}/s of ${peak.toFixed(0)}/s at the peak`] : []),
      ...(recovery > RECOVERY_MS ? [`${recovery} ms until answers were quick again`] : []),
    ]
    const notes = [
      `peak ${peak.toFixed(0)} answers/s; at five times ${under.toFixed(0)}/s; well again after ${(recovery / 1_000).toFixed(1)} s`,
    ]
    return { lost: 0, repeated: 0, notes, wrong }
  },
}

/** Good answers a second at a rate of requests. */
async function goodput(load: Parameters<Drill['run']>[0]['load'], rate: number, ms: number): Promise<number> {
  await load.setRate(rate)
  await pause(WARM_MS)
  await load.mark()
  await pause(ms)
  const { answered, seconds } = await load.seen()
  return answered / seconds
}
