import { setTimeout as pause } from 'node:timers/promises'
import { metrics } from '../../src/observability/index.ts'
import { setTracing } from '../../src/observability/traces.ts'

export interface Turns {
  /** Requests per second while traces are on, and while they are off. */
  traced: number
  untraced: number
}

const TURN_MS = 60
/** What was under way at the turn is answered by then, and counts for nobody. */
const BETWEEN_MS = 10

/** Turns traces on and off many times a second, and counts what is answered with and without. */
export async function takeTurns(seconds: number): Promise<Turns> {
  const tracing = setTracing(undefined)
  const seen = { traced: { answered: 0, ms: 0 }, untraced: { answered: 0, ms: 0 } }
  const endsAt = performance.now() + seconds * 1_000
  for (let isOn = true; performance.now() < endsAt; isOn = !isOn) {
    setTracing(isOn ? tracing : undefined)
    await pause(BETWEEN_MS)
    const [before, since] = [answered(), performance.now()]
    await pause(TURN_MS)
    const side = seen[isOn ? 'traced' : 'untraced']
    side.answered += answered() - before
    side.ms += performance.now() - since
  }
  setTracing(tracing)
  const perSecond = (side: { answered: number; ms: number }) => (side.answered * 1_000) / side.ms
  return { traced: perSecond(seen.traced), untraced: perSecond(seen.untraced) }
}

const answered = (): number =>
  metrics.requests.series('GET', '/v1/notifications', '200').counts.reduce((sum, count) => sum + count, 0)
