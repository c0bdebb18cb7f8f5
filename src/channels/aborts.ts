const waiting = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls `act` when the signal aborts, until the function that it gives back is called. Hundreds of sends may share one
 * signal: it gets one listener for all of them, since each more costs at every removal and makes Node warn.
 */
export function whenAborted(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal === undefined) return () => undefined
  const acts = waiting.get(signal) ?? listenTo(signal)
  acts.add(act)
  return () => acts.delete(act)
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const acts = new Set<() => void>()
  waiting.set(signal, acts)
  signal.addEventListener(
    'abort',
    () => {
      for (const act of acts) act()
      acts.clear()
    },
    { once: true },
  )
  return acts
}
