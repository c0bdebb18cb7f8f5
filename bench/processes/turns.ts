import { setTimeout as pause } from 'node:timers/promises'
import { metrics } from '../../src/observability/index.ts'
import { setTracing, startSpan } from '../../src/observability/traces.ts'
import { median } from '../lib/rounds.ts'

export interface Turns {
  /** Requests per second while traces are on, and while they are off. */
  traced: number
  untraced: number
  /** The share of the processor that exporting what is kept takes while traces are on; it is in neither of the two. */
  exporting: number
}

const TURN_MS = 60
/** What was under way at the turn is answered by then, and counts for nobody. */
const BETWEEN_MS = 10
/** Spans wait for 2 s to be exported, and are then on their way. */
const WAIT_MS = 2_000
const EXPORTED_MS = 2_500
const BATCHES = 5
/** What is kept of all, as server.ts has it. */
const SHARE = 0.01
const ATTRIBUTES = {
  'http.request.method': 'GET',
  'http.route': '/v1/notifications',
  'http.response.status_code': 200,
  'samaconso.request.id': '01a22854-d169-7adf-be9a-26b81af6caba',
  'enduser.id': '01a22854-d169-7adf-be9a-26b81af6caba',
}
const KEPT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

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
  const traced = perSecond(seen.traced)
  return { traced, untraced: perSecond(seen.untraced), exporting: await exportingOf(traced * SHARE) }
}

/**
 * Spans of one turn are exported in any other, so exporting slows both sides alike: its time is taken by itself, with
 * as many spans as so many a second leave, and what making them takes counts twice.
 */
async function exportingOf(keptPerSecond: number): Promise<number> {
  const kept = Math.round((keptPerSecond * WAIT_MS) / 1_000)
  const shares: number[] = []
  for (let batch = 0; batch < BATCHES; batch++) {
    const idle = await usedWhile(() => undefined)
    const busy = await usedWhile(() => {
      for (let n = 0; n < kept; n++) {
        const span = startSpan('GET /v1/notifications', 'server', KEPT)
        span?.set(ATTRIBUTES)
        span?.end()
      }
    })
    shares.push((busy - idle) / WAIT_MS)
  }
  return median(shares)
}

/** ms of the processor until what `work` left is exported. */
async function usedWhile(work: () => void): Promise<number> {
  const before = process.cpuUsage()
  work()
  await pause(EXPORTED_MS)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

const answered = (): number =>
  metrics.requests.series('GET', '/v1/notifications', '200').counts.reduce((sum, count) => sum + count, 0)
