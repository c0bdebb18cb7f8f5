import type { Broker, Consumer, Message, Queue } from './types.ts'

/** Most tasks of one queue that a worker has under way at once. */
export const MOST_SLOTS = 64

/** A worker's slots of one queue. */
export interface Pool {
  readonly queue: Queue
  slots(): number
  /** Messages that the broker handed over and that wait for a slot: while a pool shrinks, and never many. */
  reserved(): Message[]
  /** Resolves when the broker knows; what is under way in slots that go away is finished. */
  resize(slots: number): Promise<void>
  /** Gives back what waits for a slot. */
  giveBack(reason: Error): void
  /** No new message; resolves when those in hand are finished. */
  stop(): Promise<void>
}

interface Part {
  consumer: Consumer
  slots: number
}

interface Waiting {
  message: Message
  enter(): void
  leave(reason: Error): void
}

/**
 * Consumes a queue with slots that can be more or fewer while it runs. More slots are a further subscription, fewer are
 * the newest ones stopped and what is left of them subscribed again: a broker fixes how much a subscription holds when it
 * begins. What a stopped one still holds and its successor together keep to the new number, since each waits here for a
 * slot.
 */
export async function openPool(
  broker: Broker,
  queue: Queue,
  slots: number,
  take: (message: Message) => Promise<void>,
): Promise<Pool> {
  const parts: Part[] = []
  const leaving = new Set<Promise<void>>()
  const waiting: Waiting[] = []
  let target = 0
  let busy = 0
  let stopped = false
  let turn: Promise<void> = Promise.resolve()

  function admit(): void {
    while (busy < target && waiting.length > 0) {
      busy++
      waiting.shift()?.enter()
    }
  }

  async function hand(message: Message): Promise<void> {
    if (busy < target) busy++
    else {
      await new Promise<void>((enter, leave) => {
        waiting.push({ message, enter, leave })
      })
    }
    try {
      await take(message)
    } finally {
      busy--
      admit()
    }
  }

  async function subscribe(more: number): Promise<void> {
    target += more
    try {
      parts.push({ consumer: await broker.consume(queue, more, hand), slots: more })
    } catch (error) {
      target -= more
      throw error
    }
    admit()
  }

  function unsubscribe({ consumer }: Part): void {
    const gone = consumer.stop().finally(() => leaving.delete(gone))
    // Whoever stops the pool hears of a failure; nobody else waits for it.
    gone.catch(() => undefined)
    leaving.add(gone)
  }

  async function change(wanted: number): Promise<void> {
    if (stopped) throw new Error(`Queue ${queue} is consumed no more.`)
    if (wanted > target) return subscribe(wanted - target)
    let rest = 0
    while (target > wanted) {
      const part = parts.pop() as Part
      target -= part.slots
      unsubscribe(part)
      rest = wanted - target
    }
    if (rest > 0) await subscribe(rest)
  }

  const pool: Pool = {
    queue,
    slots: () => target,
    reserved: () => waiting.map(({ message }) => message),
    resize(wanted) {
      // One after the other: two at once would count from the same number.
      const done = turn.then(() => change(wanted))
      turn = done.catch(() => undefined)
      return done
    },
    giveBack(reason) {
      for (const { leave } of waiting.splice(0)) leave(reason)
    },
    async stop() {
      stopped = true
      for (const part of parts.splice(0)) unsubscribe(part)
      // A change under way may have subscribed once more meanwhile.
      await turn
      for (const part of parts.splice(0)) unsubscribe(part)
      await Promise.all(leaving)
    },
  }
  await pool.resize(slots)
  return pool
}
