import type { Channel } from 'rabbitmq-client'
import { DELAYS_MS, QUEUES, type Queue } from '../types.ts'

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

/** A wait is rounded up to one of these; the first serves what is shorter than a retry. */
const WAITS_MS = [1_000, ...DELAYS_MS] as const

/** A message that came back this often is parked the next time. */
export const REDELIVERIES = 5

/** Reading what is parked counts as a delivery. RabbitMQ 4 would drop after 20 unless told; 3.10 knows no "never". */
const NEVER = 1_000_000_000

/**
 * All queues are quorum queues that refuse what is over their length. Messages wait in a queue per step, so that each
 * one expires at its head, in time; and per queue, so that one that is full does not hold up what waits for another.
 * What expires or came back too often is moved by at-least-once dead-lettering: it leaves after the other queue has it.
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

const namesOf = (prefix: string, queue: Queue): QueueNames => ({
  work: `${prefix}.${queue}`,
  waits: WAITS_MS.map(ms => ({ ms, name: `${prefix}.${queue}.wait.${ms / 1_000}s` })),
  parked: `${prefix}.${queue}.parked`,
})

/** Where a message goes that may be worked on after `delayMs`. */
export function destination({ work, waits }: QueueNames, delayMs: number): string {
  if (delayMs <= 0) return work
  const wait = waits.find(({ ms }) => ms >= delayMs)
  if (!wait) throw new RangeError(`A message waits ${waits.at(-1)?.ms} ms at most, not ${delayMs}.`)
  return wait.name
}
