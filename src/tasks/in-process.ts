import {
  type Broker,
  type Consumer,
  LONGEST_DELAY_MS,
  type Message,
  type Outgoing,
  PARKED_LISTED,
  type ParkedMessage,
  PublishError,
  QUEUES,
  type Queue,
  type QueueDepth,
} from './types.ts'

const MAX_READY = 100_000
const MAX_PARKED = 10_000
const MAX_REDELIVERIES = 5

interface Held {
  ready: { message: Message; redelivered: number }[]
  head: number
  unacknowledged: number
  delayed: Set<NodeJS.Timeout>
  consumers: Set<Subscription>
}

interface Subscription {
  slots: number
  busy: number
  take: (message: Message) => Promise<void>
  stopped: boolean
  idle: () => void
}

/**
 * The broker of a single process. What it holds dies with the process, as with a broker that lost everything: the
 * outbox and the checkpoints in PostgreSQL bring it back. A queue refuses what is over `maxLength`.
 */
export function inProcessBroker({ maxLength = MAX_READY } = {}): Broker {
  const queues = new Map<Queue, Held>(
    QUEUES.map(queue => [
      queue,
      { ready: [], head: 0, unacknowledged: 0, delayed: new Set(), consumers: new Set() },
    ]),
  )
  const parked: ParkedMessage[] = []
  let closed = false

  const held = (queue: Queue): Held => queues.get(queue) as Held
  const depth = (queue: Held): number => queue.ready.length - queue.head

  function enqueue(message: Message, redelivered = 0): void {
    const queue = held(message.queue)
    queue.ready.push({ message, redelivered })
    dispatch(queue)
  }

  function dispatch(queue: Held): void {
    for (const consumer of queue.consumers) {
      while (!consumer.stopped && consumer.busy < consumer.slots && depth(queue) > 0) {
        const next = queue.ready[queue.head++] as { message: Message; redelivered: number }
        if (queue.head > 1_000 && queue.head * 2 > queue.ready.length) {
          queue.ready = queue.ready.slice(queue.head)
          queue.head = 0
        }
        consumer.busy++
        queue.unacknowledged++
        void hand(queue, consumer, next)
      }
    }
  }

  async function hand(queue: Held, consumer: Subscription, next: { message: Message; redelivered: number }) {
    // A turn of the event loop, so that a publisher's transaction and answer come first.
    await new Promise(resolve => setImmediate(resolve))
    let failure: unknown
    try {
      await consumer.take(next.message)
    } catch (error) {
      failure = error ?? new Error('rejected')
    }
    consumer.busy--
    queue.unacknowledged--
    if (failure !== undefined && !closed) {
      if (next.redelivered < MAX_REDELIVERIES) enqueue(next.message, next.redelivered + 1)
      else await broker.park(next.message, 'delivery_limit')
    }
    if (consumer.busy === 0) consumer.idle()
    dispatch(queue)
  }

  function later(message: Message, delayMs: number): void {
    const queue = held(message.queue)
    const timer = setTimeout(() => {
      queue.delayed.delete(timer)
      enqueue(message)
    }, delayMs)
    queue.delayed.add(timer)
  }

  /** Takes all or none: what was taken of a batch that is refused would be published again with it. */
  function refuseOverflow(messages: readonly Outgoing[]): void {
    const late = messages.find(({ delayMs }) => delayMs > LONGEST_DELAY_MS)
    if (late) throw new RangeError(`A message waits ${LONGEST_DELAY_MS} ms at most, not ${late.delayMs}.`)
    for (const name of QUEUES) {
      const coming = messages.filter(message => message.queue === name).length
      const queue = held(name)
      if (coming > 0 && depth(queue) + queue.delayed.size + coming > maxLength) {
        throw new PublishError(`Queue ${name} is full (${maxLength} messages).`)
      }
    }
  }

  const listed = () => {
    const counts = new Map<Queue, number>()
    return parked.filter(({ message: { queue } }) => {
      const count = (counts.get(queue) ?? 0) + 1
      counts.set(queue, count)
      return count <= PARKED_LISTED
    })
  }

  function unpark(ids: readonly string[] | undefined): ParkedMessage[] {
    const chosen = ids ? listed().filter(({ message }) => ids.includes(message.id)) : [...parked]
    for (const entry of chosen) parked.splice(parked.indexOf(entry), 1)
    return chosen
  }

  const broker: Broker = {
    async publish(messages) {
      if (closed) throw new PublishError('The broker is closed.')
      refuseOverflow(messages)
      const publishedAt = Date.now()
      for (const { delayMs, ...message } of messages) {
        if (delayMs > 0) later({ ...message, publishedAt }, delayMs)
        else enqueue({ ...message, publishedAt })
      }
    },
    async consume(name, slots, take) {
      const queue = held(name)
      const subscription: Subscription = { slots, busy: 0, take, stopped: false, idle: () => undefined }
      const idle = new Promise<void>(resolve => {
        subscription.idle = () => {
          if (subscription.stopped) resolve()
        }
      })
      queue.consumers.add(subscription)
      dispatch(queue)
      const consumer: Consumer = {
        stop() {
          subscription.stopped = true
          queue.consumers.delete(subscription)
          if (subscription.busy === 0) subscription.idle()
          return idle
        },
      }
      return consumer
    },
    async park(message, reason) {
      parked.push({ message, reason, at: Date.now() })
      if (parked.length > MAX_PARKED) parked.shift()
    },
    parked: async () => listed(),
    async replay(ids) {
      const chosen = unpark(ids)
      const at = Date.now()
      for (const { message } of chosen)
        enqueue({ ...message, attempt: 1, at, publishedAt: at, replayOf: message.id })
      return idsOf(chosen)
    },
    discard: async ids => idsOf(unpark(ids)),
    async depths() {
      return QUEUES.map((name): QueueDepth => {
        const queue = held(name)
        return {
          queue: name,
          ready: depth(queue),
          unacknowledged: queue.unacknowledged,
          delayed: queue.delayed.size,
          parked: parked.filter(entry => entry.message.queue === name).length,
        }
      })
    },
    state: () => (closed ? 'down' : 'ok'),
    async close() {
      closed = true
      for (const queue of queues.values()) {
        for (const timer of queue.delayed) clearTimeout(timer)
        queue.delayed.clear()
        queue.ready = []
        queue.head = 0
      }
    },
  }
  return broker
}

const idsOf = (entries: readonly ParkedMessage[]) => entries.map(({ message }) => message.id)
