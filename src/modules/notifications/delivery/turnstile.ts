/** Lets units of urgent broadcasts pass, so many at a time. */
export interface Turnstile {
  /**
   * Does the work of a unit, or leaves it to whoever is inside and returns at once; who has done theirs goes on with those
   * that were left. Rejects as the work of the caller's own unit does.
   */
  pass(id: string, signal: AbortSignal, work: (id: string) => Promise<void>): Promise<void>
}

/** Ids left to others; more are not kept, the sweep brings them again. */
const MOST_LEFT = 1_000

/**
 * Half of a worker's urgent slots belong to single notifications: units of broadcasts share the other half, and those that
 * find it taken give their slot back at once. They are kept as ids alone and stay pending in the database, so whatever
 * becomes of this process they are published again.
 */
export function openTurnstile(slots: number): Turnstile {
  const places = Math.max(1, Math.floor(slots / 2))
  const left = new Set<string>()
  let inside = 0

  return {
    async pass(id, signal, work) {
      if (inside >= places) {
        if (left.size < MOST_LEFT) left.add(id)
        return
      }
      inside++
      try {
        await work(id)
        for (const next of left) {
          if (signal.aborted) break
          left.delete(next)
          await work(next)
        }
      } finally {
        inside--
      }
    },
  }
}
