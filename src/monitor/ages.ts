/** How long the head of each queue has waited, told from counts alone. */
export interface Ages {
  /** What is ready at an instant (ms), and how many of the queue were ever begun. */
  note(at: number, queue: string, ready: number, begun: number): void
  /** ms, at least; null while nothing waits or nothing was noted. */
  oldest(queue: string, now: number): number | null
}

/** From the entry before until `at`, the `arrived`th came. */
interface Arrival {
  at: number
  arrived: number
}

const MOST_ARRIVALS = 720

/**
 * The age of a message cannot be asked of RabbitMQ without taking it. But what was begun or is ready has arrived, and a
 * queue gives what came first: its head is the first that came after as many as were begun. It was seen when the arrivals
 * were first that many, and may be older by as long as it took to look again, or to begin to look.
 */
export function followAges(): Ages {
  const known = new Map<string, { arrivals: Arrival[]; stepMs: number }>()

  return {
    note(at, queue, ready, begun) {
      const arrived = begun + ready
      let { arrivals = [], stepMs = 0 } = known.get(queue) ?? {}
      arrivals = arrivals.filter(one => one.arrived > begun)
      if (arrivals.length === 0) stepMs = 0
      if (arrived > (arrivals.at(-1)?.arrived ?? begun)) append(arrivals, { at, arrived }, stepMs)
      if (arrivals.length > MOST_ARRIVALS) {
        stepMs = (2 * (at - (arrivals[0] as Arrival).at)) / MOST_ARRIVALS
        arrivals = spaced(arrivals, stepMs)
      }
      known.set(queue, { arrivals, stepMs })
    },
    oldest(queue, now) {
      const head = known.get(queue)?.arrivals[0]
      return head ? now - head.at : null
    },
  }
}

/** One every `stepMs`, with those that came between: what is late to have its own makes those before it seem younger. */
function append(arrivals: Arrival[], one: Arrival, stepMs: number): void {
  const before = arrivals.at(-2)
  if (before && one.at - before.at < stepMs) arrivals.pop()
  arrivals.push(one)
}

function spaced(arrivals: Arrival[], stepMs: number): Arrival[] {
  const kept: Arrival[] = []
  for (const one of arrivals) append(kept, one, stepMs)
  return kept
}
