import { setTimeout as pause } from 'node:timers/promises'
import type { Channel } from 'rabbitmq-client'
import { PARKED_LISTED, type ParkedMessage, type Queue } from '../types.ts'
import { decodeParked } from './format.ts'
import { closeChannel, type Link } from './link.ts'
import type { Topology } from './topology.ts'
import { within } from './within.ts'

const WALK_MS = 20_000
const COUNT_MS = 5_000
const CHANNEL_MS = 5_000
/** Another process may hold some, so the wait is short and its end no fault. */
const RETURN_TRIES = 20
const RETURN_PAUSE_MS = 25
/** Looks for what was not found: somebody else may hold it in this moment. */
const LOOKS = 3
const LOOK_PAUSE_MS = 250
/**
 * Acknowledgements on one channel. RabbitMQ passes on so many to a quorum queue at once (32, `quorum_commands_soft_limit`)
 * and keeps the others for later: a channel that closes meanwhile forgets those, and their messages are back.
 */
const MOST_ACKS = 16

type Handle = (entries: readonly ParkedMessage[]) => Promise<void>

export interface Parking {
  /** The oldest PARKED_LISTED of each queue. */
  list(): Promise<ParkedMessage[]>
  /**
   * Removes those that `handle` resolved for: of the oldest PARKED_LISTED of each queue, or all without ids. Returns
   * their ids.
   */
  remove(ids: readonly string[] | undefined, handle: Handle): Promise<string[]>
}

/**
 * Looks at parked messages by taking and giving them back, since AMQP knows no reading: whoever looks at the same
 * moment sees the others. What was in hand when the process dies returns by itself.
 */
export function openParking(link: Link, { names }: Topology): Parking {
  // One at a time, so that the calls of a process do not hide messages from each other.
  let previous: Promise<unknown> = Promise.resolve()
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = previous.then(work)
    previous = mine.catch(() => undefined)
    return mine
  }

  /** Waits until the broker has taken back what a look held: who looks next would miss it, and take it for gone. */
  async function returned(queue: Queue, count: number): Promise<void> {
    for (let tries = 0; tries < RETURN_TRIES; tries++) {
      if ((await countOf(queue)) >= count) return
      await pause(RETURN_PAUSE_MS)
    }
  }

  const countOf = (queue: Queue): Promise<number> =>
    link.use(COUNT_MS, 'the number of parked messages', async channel => {
      const { messageCount } = await channel.queueDeclare({ queue: names[queue].parked, passive: true })
      return messageCount
    })

  /** Handles and removes those that `choose` wants, of the oldest `limit`, and gives back the others. */
  async function walk(
    queue: Queue,
    limit: number,
    choose: (entry: ParkedMessage) => boolean,
    handle: Handle,
  ): Promise<{ seen: number; handled: string[] }> {
    const hands = openHands(link)
    try {
      const walked = await within(WALK_MS, 'parked messages', walkWith(hands, queue, limit, choose, handle))
      await hands.close()
      const left = walked.seen - walked.handled.length
      if (left > 0) await returned(queue, left)
      return walked
    } catch (error) {
      if ((error as { code?: string }).code === 'NOT_FOUND') link.redeclare()
      throw error
    } finally {
      await hands.close()
    }
  }

  async function walkWith(
    hands: Hands,
    queue: Queue,
    limit: number,
    choose: (entry: ParkedMessage) => boolean,
    handle: Handle,
  ): Promise<{ seen: number; handled: string[] }> {
    const chosen: { entry: ParkedMessage; channel: Channel; deliveryTag: number }[] = []
    let channel = await hands.channel()
    let seen = 0
    for (; seen < limit; seen++) {
      const received = await channel.basicGet(names[queue].parked)
      if (!received) break
      const entry = decodeParked(received, queue)
      if (!choose(entry)) continue
      chosen.push({ entry, channel, deliveryTag: received.deliveryTag })
      if (chosen.length % MOST_ACKS === 0) channel = await hands.channel()
    }
    if (chosen.length > 0) {
      hands.check()
      await handle(chosen.map(({ entry }) => entry))
    }
    for (const { channel, deliveryTag } of chosen) channel.basicAck({ deliveryTag })
    return { seen, handled: chosen.map(({ entry }) => entry.message.id) }
  }

  /** No more than were there at first: what is parked again meanwhile stays. */
  async function removeAll(queue: Queue, handle: Handle): Promise<string[]> {
    const there = await countOf(queue)
    const removed: string[] = []
    while (removed.length < there) {
      const limit = Math.min(PARKED_LISTED, there - removed.length)
      const { handled } = await walk(queue, limit, () => true, handle)
      if (handled.length === 0) break
      removed.push(...handled)
    }
    return removed
  }

  /** Looks again for what it did not find, for a moment. Each once: what is parked again meanwhile stays. */
  async function removeSome(ids: readonly string[], handle: Handle): Promise<string[]> {
    const wanted = new Set(ids)
    const choose = ({ message }: ParkedMessage) => wanted.delete(message.id)
    for (let looks = 0; looks < LOOKS && wanted.size > 0; looks++) {
      if (looks > 0) await pause(LOOK_PAUSE_MS)
      for (const queue of queues) if (wanted.size > 0) await walk(queue, PARKED_LISTED, choose, handle)
    }
    return ids.filter(id => !wanted.has(id))
  }

  const queues = Object.keys(names) as Queue[]
  return {
    list: () =>
      inTurn(async () => {
        const entries: ParkedMessage[] = []
        for (const queue of queues) {
          const note = (entry: ParkedMessage) => {
            entries.push(entry)
            return false
          }
          await walk(queue, PARKED_LISTED, note, async () => undefined)
        }
        return entries.sort((a, b) => a.at - b.at)
      }),
    remove: (ids, handle) =>
      inTurn(async () => {
        if (ids) return removeSome(ids, handle)
        const removed: string[] = []
        for (const queue of queues) removed.push(...(await removeAll(queue, handle)))
        return removed
      }),
  }
}

/** The channels on which one walk holds messages. */
interface Hands {
  channel(): Promise<Channel>
  /** Throws when they are closed: what they held is held no more. */
  check(): void
  /** Gives back what is not acknowledged. May be called twice. */
  close(): Promise<void>
}

function openHands(link: Link): Hands {
  const channels: Channel[] = []
  let isClosed = false
  const hands: Hands = {
    async channel() {
      const channel = await link.channel(CHANNEL_MS)
      channels.push(channel)
      if (isClosed) await hands.close()
      hands.check()
      return channel
    },
    check() {
      if (isClosed) throw new Error('The look at parked messages took too long and is over.')
    },
    async close() {
      isClosed = true
      await Promise.all(channels.splice(0).map(closeChannel))
    },
  }
  return hands
}
