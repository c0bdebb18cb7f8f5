import type { PushChannel } from '../../../channels/types.ts'
import type { Clock } from '../../../lib/clock.ts'

const PROBE_EVERY_MS = 5_000

/** When a process may send to many: not while the channel asked for patience, and hardly while it is down. */
export interface Pace {
  /** The channel asked everybody to wait. */
  slowDown(ms: number): void
  /** ms for which it still wants to be left alone; 0 when it does not. */
  paused(): number
  /** ms that a unit of many should wait before it starts; 0 when it may. While the channel is down one unit in five seconds may, to ask. */
  wait(): number
}

export function openPace(push: PushChannel, clock: Clock): Pace {
  let pausedUntil = 0
  let nextProbe = 0
  const paused = () => Math.max(0, pausedUntil - clock.now())
  return {
    slowDown(ms) {
      pausedUntil = Math.max(pausedUntil, clock.now() + ms)
    },
    paused,
    wait() {
      if (push.state() === 'ok') return paused()
      const wait = Math.max(paused(), nextProbe - clock.now())
      if (wait > 0) return wait
      nextProbe = clock.now() + PROBE_EVERY_MS
      return 0
    },
  }
}
