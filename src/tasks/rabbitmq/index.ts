import { readFileSync } from 'node:fs'
import type { Channel, ConnectionOptions } from 'rabbitmq-client'
import {
  type Broker,
  type Outgoing,
  type ParkedMessage,
  QUEUES,
  type Queue,
  type QueueDepth,
} from '../types.ts'
import { type RunningConsumer, startConsumer } from './consumer.ts'
import { decode, type Encoded, encode, parkedHeaders } from './format.ts'
import { openLink } from './link.ts'
import { openParking } from './parking.ts'
import { openPublisher } from './publisher.ts'
import { destination, topologyOf } from './topology.ts'
import { within } from './within.ts'

export interface RabbitMqOptions {
  /** amqp:// or amqps://, with user, password and virtual host. */
  url: string
  /** Authority that signed the server's certificate, as a PEM file; the system's when absent. */
  caFile?: string | undefined
  /** Shown in RabbitMQ's list of connections. */
  name: string
  /** Told about connections that are lost, queues that cannot be declared, and work that is given back. */
  onError: (error: Error) => void
  /** Before the names of all queues, where several installations share a virtual host; none by default. */
  prefix?: string
  /** Messages that a queue holds at most; existing queues cannot be given another. */
  maxLength?: number
  /** ms after which a publication that is not confirmed has failed. */
  publishMs?: number
  /** Messages that are on their way to the broker without its confirmation, at most. */
  window?: number
  random?: () => number
}

const MAX_LENGTH = 100_000
const PUBLISH_MS = 5_000
const WINDOW = 1_000
const BEGIN_MS = 5_000
const DEPTHS_MS = 5_000
const GIVE_UP_MS = 1_000

/**
 * RabbitMQ (3.10 to 4.x) as the broker. Two connections: the broker stops reading one that publishes when it is short
 * of memory or disk, and acknowledgements must go on then. Both come back by themselves and declare what is missing.
 */
export function rabbitMqBroker(options: RabbitMqOptions): Broker {
  const { onError, random = Math.random, publishMs = PUBLISH_MS } = options
  const topology = topologyOf(options.prefix ?? '', options.maxLength ?? MAX_LENGTH)
  const { names } = topology
  const connection = (use: string): ConnectionOptions => ({
    url: options.url,
    ...(options.caFile ? { tls: { ca: readFileSync(options.caFile) } } : {}),
    connectionName: `${options.name} ${use}`,
    noDelay: true,
    heartbeat: 10,
    connectionTimeout: 5_000,
    acquireTimeout: 5_000,
    // The client waits a random time between these, longer each time.
    retryLow: 200,
    retryHigh: 5_000,
  })
  const open = (use: string) => openLink({ connection: connection(use), declare: topology.declare, onError })
  const outward = open('publishes')
  const inward = open('consumes')
  const publisher = openPublisher({ link: outward, publishMs, window: options.window ?? WINDOW })
  const parking = openParking(inward, topology)
  const consumers = new Map<RunningConsumer, Queue>()
  let closing: Promise<void> | undefined

  const encodedNow = (messages: readonly Outgoing[]): Encoded[] => {
    const publishedAt = Date.now()
    return messages.map(message =>
      encode({ ...message, publishedAt }, destination(names[message.queue], message.delayMs)),
    )
  }

  async function depthOf(channel: Channel, queue: Queue): Promise<QueueDepth> {
    const count = async (name: string) =>
      (await channel.queueDeclare({ queue: name, passive: true })).messageCount
    const { work, waits, parked } = names[queue]
    let delayed = 0
    for (const { name } of waits) delayed += await count(name)
    let unacknowledged = 0
    for (const [consumer, of] of consumers) if (of === queue) unacknowledged += consumer.held()
    return { queue, ready: await count(work), unacknowledged, delayed, parked: await count(parked) }
  }

  async function close(): Promise<void> {
    const stopped = Promise.all([...consumers.keys()].map(consumer => consumer.stop()))
    await within(GIVE_UP_MS, 'consumers', stopped).catch(() => undefined)
    await publisher.close()
    await Promise.all([outward.close(), inward.close()])
  }

  return {
    async publish(messages) {
      await publisher.publish(encodedNow(messages))
    },
    async consume(queue, slots, take) {
      const consumer = startConsumer({
        link: inward,
        queue: names[queue].work,
        slots,
        take: received => take(decode(received, queue)),
        onError,
        random,
      })
      consumers.set(consumer, queue)
      await within(BEGIN_MS, 'the subscription', consumer.begun).catch(onError)
      return {
        async stop() {
          await consumer.stop()
          consumers.delete(consumer)
        },
      }
    },
    async park(message, reason) {
      await publisher.publish([
        encode(message, { queue: names[message.queue].parked }, parkedHeaders(reason, Date.now())),
      ])
    },
    parked: parking.list,
    replay: ids => parking.remove(ids, entries => publisher.publish(encodedNow(entries.map(again)))),
    discard: ids => parking.remove(ids, async () => undefined),
    depths: () =>
      inward.use(DEPTHS_MS, 'the depths of the queues', async channel => {
        const depths: QueueDepth[] = []
        for (const queue of QUEUES) depths.push(await depthOf(channel, queue))
        return depths
      }),
    state: () => (closing === undefined && publisher.isReady() && inward.isReady() ? 'ok' : 'down'),
    close: () => (closing ??= close()),
  }
}

const again = ({ message }: ParkedMessage): Outgoing => ({
  ...message,
  attempt: 1,
  at: Date.now(),
  replayOf: message.id,
  delayMs: 0,
})
