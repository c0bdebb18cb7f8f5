import type { Clock } from '../lib/clock.ts'
import type { ChannelLog } from './types.ts'

/** The same trouble is logged once in so long. */
const LOG_EVERY_MS = 10_000
const MOST_REMEMBERED = 100

/** A warning, at most once in a while for the same event and reason; `alert` when somebody must act. */
export function sparing(
  log: ChannelLog | undefined,
  clock: Clock,
): (event: string, reason: string, alert?: boolean) => void {
  const last = new Map<string, number>()
  return (event, reason, alert = false) => {
    const now = clock.now()
    const key = `${event} ${reason}`
    if (now - (last.get(key) ?? Number.NEGATIVE_INFINITY) < LOG_EVERY_MS) return
    if (last.size >= MOST_REMEMBERED) last.clear()
    last.set(key, now)
    log?.warn({ event, ...(alert && { alert }), reason })
  }
}
