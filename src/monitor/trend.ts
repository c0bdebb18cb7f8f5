import { QUEUES } from '../tasks/index.ts'
import { followAges } from './ages.ts'
import { heard } from './asking.ts'
import type { Floor } from './floor.ts'
import type { MonitorOptions } from './options.ts'

/** What a queue held at an instant, and what went through it since the one before. */
export interface Sample {
  ready: number
  unacknowledged: number
  delayed: number
  parked: number
  inPerSecond: number
  outPerSecond: number
}

/** Every queue at an instant; null while the broker did not say. */
export interface Point {
  at: string
  queues: Record<string, Sample> | null
}

export interface Trend {
  everySeconds: number
  /** The oldest first, an hour at most. */
  points(): readonly Point[]
  /** What was measured last. */
  last(queue: string): Sample | undefined
  /** For how long its head has waited: ms, at least; null while nothing waits. */
  oldest(queue: string): number | null
  close(): void
}

const EVERY_MS = 5_000
const MOST_POINTS = 720

/** Looks at the queues every five seconds and remembers an hour, in memory: for charts and rates. */
export function watchTrend(
  { broker, clock, log }: Pick<MonitorOptions, 'broker' | 'clock' | 'log'>,
  floor: Floor,
): Trend {
  const points: Point[] = []
  const ages = followAges()
  let before: { at: number; held: Map<string, number>; finished: Map<string, number> } | undefined
  let isLooking = false

  async function look(): Promise<void> {
    if (isLooking) return
    isLooking = true
    const depths = await heard(log, 'broker', () => broker.depths())
    isLooking = false
    const now = clock.now()
    const finished = new Map(floor.finished())
    if (depths.state === 'down') {
      before = undefined
      keep({ at: new Date(now).toISOString(), queues: null })
      return
    }
    const held = new Map(
      depths.value.map(one => [
        one.queue as string,
        one.ready + one.unacknowledged + one.delayed + one.parked,
      ]),
    )
    const seconds = before ? Math.max(0.1, (now - before.at) / 1_000) : 0
    const perSecond = (count: number) =>
      seconds > 0 ? Math.round((Math.max(0, count) * 10) / seconds) / 10 : 0
    const begun = floor.begun()
    const queues: Record<string, Sample> = {}
    for (const { queue, ready, unacknowledged, delayed, parked } of depths.value) {
      ages.note(now, queue, ready, begun.get(queue) ?? 0)
      const out = (finished.get(queue) ?? 0) - (before?.finished.get(queue) ?? 0)
      const grown = (held.get(queue) ?? 0) - (before?.held.get(queue) ?? 0)
      queues[queue] = {
        ready,
        unacknowledged,
        delayed,
        parked,
        inPerSecond: perSecond(out + grown),
        outPerSecond: perSecond(out),
      }
    }
    before = { at: now, held, finished }
    keep({ at: new Date(now).toISOString(), queues })
  }

  function keep(point: Point): void {
    points.push(point)
    if (points.length > MOST_POINTS) points.shift()
  }

  const timer = setInterval(() => void look(), EVERY_MS)
  timer.unref()
  void look()
  return {
    everySeconds: EVERY_MS / 1_000,
    points: () => points,
    last: queue =>
      QUEUES.some(known => known === queue) ? (points.at(-1)?.queues?.[queue] ?? undefined) : undefined,
    oldest: queue => ages.oldest(queue, clock.now()),
    close: () => clearInterval(timer),
  }
}
