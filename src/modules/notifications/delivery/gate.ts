/** Who waits for a place: the most pressing rank first, and within a rank in order of arrival. */
export interface Place {
  /** 0 is the most pressing; bulk and single never share one. */
  rank: number
  /** One of many: never takes the last places, which are for single notifications. */
  bulk: boolean
  /** One of many that is urgent may take half of those last places. */
  urgent?: boolean
}

interface Waiter {
  place: Place
  go: () => void
}

/** The sends of a process: so many under way at once, whichever units they belong to. */
export interface Gate {
  /** Resolves when there is a place; undefined when there is one at once. */
  enter(place: Place): Promise<void> | undefined
  leave(place: Place): void
  /** Whether nobody more pressing waits, so that whoever has a place may go on with it. */
  mayKeep(place: Place): boolean
}

/**
 * A tenth of the places is kept from bulk, so that a single notification never waits behind a broadcast; half of that
 * tenth from urgent bulk.
 */
export function openGate(places: number): Gate {
  const kept = Math.ceil(places / 10)
  const forBulk = Math.max(1, places - kept)
  const forUrgentBulk = Math.max(1, places - Math.ceil(kept / 2))
  const waiting: Waiter[][] = []
  let busy = 0
  let bulk = 0
  let waiters = 0

  const fits = (place: Place): boolean =>
    busy < places && (!place.bulk || bulk < (place.urgent ? forUrgentBulk : forBulk))

  function occupy(place: Place): void {
    busy++
    if (place.bulk) bulk++
  }

  function admit(): void {
    for (const line of waiting) {
      while (line?.[0] && fits(line[0].place)) {
        const next = line.shift() as Waiter
        waiters--
        occupy(next.place)
        next.go()
      }
    }
  }

  return {
    enter(place) {
      waiting[place.rank] ??= []
      const line = waiting[place.rank] as Waiter[]
      if (line.length === 0 && fits(place)) {
        occupy(place)
        return undefined
      }
      waiters++
      return new Promise(go => void line.push({ place, go }))
    },
    leave(place) {
      busy--
      if (place.bulk) bulk--
      if (waiters > 0) admit()
    },
    mayKeep({ rank }) {
      if (waiters === 0) return true
      for (let r = 0; r < rank; r++) if (waiting[r]?.length) return false
      return true
    },
  }
}

/** A place for one send after the other: given back only for somebody more pressing, and at the end. */
export interface Seat {
  /** Resolves when it may go on; undefined when it may at once. */
  take(): Promise<void> | undefined
  leave(): void
}

/** Whoever sends to many would else stand in line again for each of them. */
export function openSeat(gate: Gate, place: Place): Seat {
  let inside = false

  function leave(): void {
    if (inside) gate.leave(place)
    inside = false
  }

  return {
    take() {
      if (inside && gate.mayKeep(place)) return undefined
      leave()
      const turn = gate.enter(place)
      if (!turn) {
        inside = true
        return undefined
      }
      return turn.then(() => {
        inside = true
      })
    },
    leave,
  }
}
