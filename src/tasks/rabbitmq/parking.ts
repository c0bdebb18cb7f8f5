import { PARKED_LISTED, type ParkedMessage, type Queue } from '../types.ts'
import { decodeParked } from './format.ts'
import type { Link } from './link.ts'
import type { Topology } from './topology.ts'

const WALK_MS = 20_000
const COUNT_MS = 5_000

type Handle = (entries: readonly ParkedMessage[]) => Promise<void>

export interface Parking {
  /** The oldest PARKED_LISTED of each queue. */
  list(): Promise<ParkedMessage[]>
  /**
   * Removes those that `handle` resolved for: of the oldest PARKED_LISTED of each queue, or all without ids. Returns how
   * many.
   */
  remove(ids: readonly string[] | undefined, handle: Handle): Promise<number>
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

  /** Handles and removes those that `choose` wants, of the oldest `limit`. Closing the channel gives back the others. */
  const walk = (
    queue: Queue,
    limit: number,
    choose: (entry: ParkedMessage) => boolean,
    handle: Handle,
  ): Promise<{ seen: number; handled: number }> =>
    link.use(WALK_MS, 'parked messages', async channel => {
      const chosen: { entry: ParkedMessage; deliveryTag: number }[] = []
      let seen = 0
      for (; seen < limit; seen++) {
        const received = await channel.basicGet(names[queue].parked)
        if (!received) break
        const entry = decodeParked(received, queue)
        if (choose(entry)) chosen.push({ entry, deliveryTag: received.deliveryTag })
      }
      if (chosen.length > 0) await handle(chosen.map(({ entry }) => entry))
      for (const { deliveryTag } of chosen) channel.basicAck({ deliveryTag })
      return { seen, handled: chosen.length }
    })

  /** No more than were there at first: what is parked again meanwhile stays. */
  async function removeAll(queue: Queue, handle: Handle): Promise<number> {
    const there = await link.use(COUNT_MS, 'the number of parked messages', async channel => {
      const { messageCount } = await channel.queueDeclare({ queue: names[queue].parked, passive: true })
      return messageCount
    })
    let removed = 0
    while (removed < there) {
      const limit = Math.min(PARKED_LISTED, there - removed)
      const { seen } = await walk(queue, limit, () => true, handle)
      if (seen === 0) break
      removed += seen
    }
    return removed
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
        const wanted = new Set(ids)
        let removed = 0
        for (const queue of queues) {
          removed += ids
            ? (await walk(queue, PARKED_LISTED, ({ message }) => wanted.has(message.id), handle)).handled
            : await removeAll(queue, handle)
        }
        return removed
      }),
  }
}
