import { Problem } from '../../lib/problems.ts'

/**
 * At most `slots` at once for each key in this process, `most` behind them; one more is `rate_limited`. Attempts on one
 * account take turns, so that honest ones at the same moment do not look like a row of failures.
 */
export function openTurns(slots: number, most: number) {
  const lines = new Map<string, { busy: number; waiting: (() => void)[] }>()

  return async function turn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const line = lines.get(key) ?? { busy: 0, waiting: [] }
    lines.set(key, line)
    if (line.busy >= slots) {
      if (line.waiting.length >= most) throw new Problem('rate_limited', { retryAfter: 2 })
      await new Promise<void>(resolve => line.waiting.push(resolve))
    } else line.busy++
    try {
      return await work()
    } finally {
      // The place goes to the next in line, or back.
      const next = line.waiting.shift()
      if (next) next()
      else if (--line.busy === 0) lines.delete(key)
    }
  }
}
