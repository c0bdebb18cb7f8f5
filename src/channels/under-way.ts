/**
 * Something that ends in time: by itself, with its signal, or because its time is over. Its neighbours are kept here, and
 * forgotten when it is taken out.
 */
export interface Bounded {
  /** On `performance.now()`. */
  readonly endsAt: number
  readonly signal: AbortSignal | undefined
  before: Bounded | null
  after: Bounded | null
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
 * few are ever late, so those who are under way are looked through instead. They are a list and not a `Set`: at each of
 * its many rehashes a `Set` leaves a table behind that points to the next one, and once V8 has taken one of them for old,
 * all that follow, and half of the pushes with them, are kept until the next full collection.
 */
export function openUnderWay(): UnderWay {
  const heard = new Map<AbortSignal, Heard>()
  let first: Bounded | null = null
  let last: Bounded | null = null
  let timer: NodeJS.Timeout | undefined

  /** Whoever is told may be taken out, and others be added, meanwhile. */
  function tell(isMeant: (one: Bounded) => boolean, what: (one: Bounded) => void): void {
    const meant: Bounded[] = []
    for (let one = first; one; one = one.after) if (isMeant(one)) meant.push(one)
    meant.forEach(what)
  }

  function look(): void {
    const now = performance.now()
    tell(
      one => one.endsAt <= now,
      one => one.expire(),
    )
    if (first) return
    clearInterval(timer)
    timer = undefined
  }

  function listen(signal: AbortSignal): Heard {
    const act = () =>
      tell(
        one => one.signal === signal,
        one => one.abort(),
      )
    signal.addEventListener('abort', act, { once: true })
    return { many: 0, stop: () => signal.removeEventListener('abort', act) }
  }

  function takeOut(one: Bounded): boolean {
    const { before, after } = one
    if (!before && first !== one) return false
    if (before) before.after = after
    else first = after
    if (after) after.before = before
    else last = before
    one.before = null
    one.after = null
    return true
  }

  return {
    add(one) {
      one.before = last
      if (last) last.after = one
      else first = one
      last = one
      timer ??= setInterval(look, TICK_MS)
      const { signal } = one
      if (!signal) return
      const known = heard.get(signal) ?? listen(signal)
      if (known.many++ === 0) heard.set(signal, known)
    },
    delete(one) {
      if (!takeOut(one) || !one.signal) return
      const known = heard.get(one.signal)
      if (!known || --known.many > 0) return
      // A signal that outlives many units must not collect what listened to it.
      heard.delete(one.signal)
      known.stop()
    },
  }
}
