import type { Channel } from 'rabbitmq-client'
import { DELAYS_MS, LONGEST_DELAY_MS, QUEUES, type Queue } from '../types.ts'

/** Queues of the broker that a queue of ours is made of. */
export interface QueueNames {
  work: string
  /** Where messages wait, shortest first. */
  waits: readonly { ms: number; name: string }[]
  parked: string
}

export interface Topology {
  names: Record<Queue, QueueNames>
  /** Makes what is missing, leaves what is there; rejects when a queue is there with other arguments. */
  declare(channel: Channel): Promise<void>
}

/** The longest wait of each queue of waiting messages: what is shorter than a retry, then each step and its spread. */
const WAITS_MS = [1_000, ...DELAYS_MS.map(ms => ms * 1.2)]

/** A message that came back this often is parked the next time. */
export const REDELIVERIES = 5

/** Reading what is parked counts as a delivery. RabbitMQ 4 would drop after 20 unless told; 3.10 knows no "never". */
const NEVER = 1_000_000_000

/**
 * All queues are quorum queues that refuse what is over their length. A message expires at the head of its queue only,
 * after the longest wait before it: so there is a queue per step, where all wait about as long. And one per queue that
 * they return to, so that one that is full does not hold up what waits for another. What expires or came back too often
 * is moved by at-least-once dead-lettering: it leaves when the other queue has it.
 */
export function topologyOf(prefix: string, maxLength: number): Topology {
  const names = Object.fromEntries(QUEUES.map(queue => [queue, namesOf(prefix, queue)])) as Topology['names']
  const arguments_ = (more: object) => ({
    'x-queue-type': 'quorum' as const,
    'x-max-length': maxLength,
    'x-overflow': 'reject-publish' as const,
    ...more,
  })
  const movesTo = (queue: string) => ({
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': queue,
    'x-dead-letter-strategy': 'at-least-once',
  })
  return {
    names,
    async declare(channel) {
      const declare = (queue: string, more: object) =>
        channel.queueDeclare({ queue, durable: true, arguments: arguments_(more) })
      for (const { work, waits, parked } of Object.values(names)) {
        await declare(parked, { 'x-delivery-limit': NEVER })
        await declare(work, { 'x-delivery-limit': REDELIVERIES, ...movesTo(parked) })
        for (const { ms, name } of waits) await declare(name, { 'x-message-ttl': ms, ...movesTo(work) })
      }
    },
  }
}

function namesOf(prefix: string, queue: Queue): QueueNames {
  const work = prefix ? `${prefix}.${queue}` : queue
  return {
    work,
    waits: WAITS_MS.map(ms => ({ ms, name: `${work}.wait.${ms / 1_000}s` })),
    parked: `${work}.parked`,
  }
}

/** Where a message goes that may be worked on after `delayMs`, and the AMQP expiration that takes it from there. */
export function destination(
  { work, waits }: QueueNames,
  delayMs: number,
): { queue: string; expiration?: string } {
  if (delayMs <= 0) return { queue: work }
  const wait = waits.find(({ ms }) => ms >= delayMs)
  if (!wait) throw new RangeError(`A message waits ${LONGEST_DELAY_MS} ms at most, not ${delayMs}.`)
  return { queue: wait.name, expiration: String(Math.ceil(delayMs)) }
}
