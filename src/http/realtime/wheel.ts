import type { Clock } from '../../lib/clock.ts'

/** Wakes many things at their times with one timer. */
export interface Wheel<Item> {
  /** Wakes `item` once, at `at` (ms of the clock) or a tick later; a time given before is forgotten. */
  set(item: Item, at: number): void
  delete(item: Item): void
  stop(): void
}

/** A timer for thousands of items: they wait in sets by tick, so that setting and waking cost the same however many wait. */
export function timerWheel<Item>(clock: Clock, tickMs: number, wake: (item: Item) => void): Wheel<Item> {
  const byTick = new Map<number, Set<Item>>()
  const tickOf = new Map<Item, number>()

  function remove(item: Item): void {
    const tick = tickOf.get(item)
    if (tick === undefined) return
    tickOf.delete(item)
    const waiting = byTick.get(tick)
    waiting?.delete(item)
    if (waiting?.size === 0) byTick.delete(tick)
  }

  const timer = setInterval(() => {
    const now = clock.now()
    const due = [...byTick].filter(([tick]) => tick * tickMs <= now)
    for (const [, items] of due) {
      for (const item of items) {
        remove(item)
        wake(item)
      }
    }
  }, tickMs)
  timer.unref()

  return {
    set(item, at) {
      remove(item)
      const tick = Math.ceil(at / tickMs)
      const waiting = byTick.get(tick)
      if (waiting) waiting.add(item)
      else byTick.set(tick, new Set([item]))
      tickOf.set(item, tick)
    },
    delete: remove,
    stop: () => clearInterval(timer),
  }
}
