/** Something that ends in time: by itself, with its signal, or because its time is over. */
export interface Bounded {
  /** On `performance.now()`. */
  readonly endsAt: number
  readonly signal: AbortSignal | undefined
  expire(): void
  abort(): void
}

/** Watches thousands that are under way with one timer, and one listener for each signal that they share. */
export interface UnderWay {
  add(one: Bounded): void
  delete(one: Bounded): void
}

/** How late somebody may be told that their time is over; ms. */
const TICK_MS = 25

interface Heard {
  many: number
  stop(): void
}

/**
 * A timer and a listener of its own for each push would cost more than the push's own bytes. Hundreds share a signal, and
 * few are ever late, so those who are under way are looked through instead.
 */
export function openUnderWay(): UnderWay {
  const all = new Set<Bounded>()
  const heard = new Map<AbortSignal, Heard>()
  let timer: NodeJS.Timeout | undefined

  function look(): void {
    const now = performance.now()
    for (const one of all) if (one.endsAt <= now) one.expire()
    if (all.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  function listen(signal: AbortSignal): Heard {
    const act = () => {
      for (const one of all) if (one.signal === signal) one.abort()
    }
    signal.addEventListener('abort', act, { once: true })
    return { many: 0, stop: () => signal.removeEventListener('abort', act) }
  }

  return {
    add(one) {
      all.add(one)
      timer ??= setInterval(look, TICK_MS)
      const { signal } = one
      if (!signal) return
      const known = heard.get(signal) ?? listen(signal)
      if (known.many++ === 0) heard.set(signal, known)
    },
    delete(one) {
      if (!all.delete(one) || !one.signal) return
      const known = heard.get(one.signal)
      if (!known || --known.many > 0) return
      // A signal that outlives many units must not collect what listened to it.
      heard.delete(one.signal)
      known.stop()
    },
  }
}
