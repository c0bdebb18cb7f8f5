import type { AsyncMessage, Channel } from 'rabbitmq-client'
import type { Consumer } from '../types.ts'
import { redeliveries } from './format.ts'
import { closeChannel, type Link } from './link.ts'
import { within } from './within.ts'

export interface ConsumerOptions {
  link: Link
  queue: string
  slots: number
  take: (received: AsyncMessage) => Promise<void>
  onError: (error: Error) => void
  random: () => number
}

export interface RunningConsumer extends Consumer {
  /** Messages in hand. */
  held(): number
  /** Resolves when it consumes for the first time, or is stopped. */
  begun: Promise<void>
}

interface Delivery {
  channel: Channel
  received: AsyncMessage
}

/** A message that came back this often may be what ends its process. */
const SUSPECT = 2
const GATHER_MS = 50
const CHANNEL_MS = 5_000
const RESUME_LOW_MS = 100
const RESUME_HIGH_MS = 3_000
const GIVE_BACK_LOW_MS = 50
const GIVE_BACK_HIGH_MS = 5_000

const isSuspect = ({ received }: Delivery) => redeliveries(received) >= SUSPECT

/**
 * Takes messages of a queue, for as long as it is not stopped: it subscribes again whenever its channel ends. What was
 * in hand then goes on within the slots, and comes again.
 *
 * RabbitMQ counts a delivery for all that was in hand of a process that died, not only for what killed it. So messages
 * that came back twice run one at a time, in random order: each quick one that was beside a deadly one has an even
 * chance, at each of its last four deliveries, to be done before.
 */
export function startConsumer(options: ConsumerOptions): RunningConsumer {
  const { link, queue, slots, take, onError, random } = options
  const pauses = new Set<() => void>()
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: idle, resolve: becomeIdle } = Promise.withResolvers<void>()
  let pending: Delivery[] = []
  let busy = 0
  let suspectDue = false
  let suspectRuns = false
  let isStopped = false
  let subscribed: { channel: Channel; consumerTag: string; end(): void } | undefined
  let stopping: Promise<void> | undefined

  /** Cut short by `stop`. */
  async function pause(ms: number): Promise<void> {
    if (isStopped) return
    await new Promise<void>(resolve => {
      const end = () => {
        clearTimeout(timer)
        pauses.delete(end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      pauses.add(end)
    })
  }

  async function subscribe(): Promise<void> {
    const channel = await link.channel(CHANNEL_MS)
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    channel.once('close', end)
    channel.once('basic.cancel', () => {
      // The queue was deleted under us.
      link.redeclare()
      end()
    })
    try {
      await channel.basicQos({ prefetchCount: slots })
      const { consumerTag } = await channel.basicConsume({ queue }, received => {
        pending.push({ channel, received })
        dispatch()
      })
      subscribed = { channel, consumerTag, end }
      begin()
      if (!isStopped) await ended
    } finally {
      pending = pending.filter(delivery => delivery.channel !== channel)
      // What is in hand is acknowledged before a stop closes the channel.
      if (isStopped) await idle
      await closeChannel(channel)
      subscribed = undefined
    }
  }

  async function run(): Promise<void> {
    for (let failures = 0; !isStopped; failures++) {
      const startedAt = performance.now()
      await subscribe().catch(onError)
      if (performance.now() - startedAt > RESUME_HIGH_MS) failures = 0
      await pause(RESUME_LOW_MS + random() * Math.min(RESUME_LOW_MS * 2 ** failures, RESUME_HIGH_MS))
    }
  }

  function takePending(choose: (all: Delivery[]) => Delivery | undefined): Delivery | undefined {
    const chosen = choose(pending)
    if (chosen) pending.splice(pending.indexOf(chosen), 1)
    return chosen
  }

  function dispatch(): void {
    while (busy < slots && !isStopped) {
      const delivery = takePending(all => all.find(one => !isSuspect(one)))
      if (!delivery) break
      void work(delivery)
    }
    if (suspectDue || suspectRuns || isStopped || !pending.some(isSuspect)) return
    suspectDue = true
    // Those that came back with it arrive one after the other: chance is to choose among all.
    void pause(GATHER_MS).then(startSuspect)
  }

  function startSuspect(): void {
    suspectDue = false
    if (isStopped || busy >= slots) return
    const delivery = takePending(all => {
      const suspects = all.filter(isSuspect)
      return suspects[Math.floor(random() * suspects.length)]
    })
    if (delivery) void work(delivery)
  }

  async function work({ channel, received }: Delivery): Promise<void> {
    const wasSuspect = isSuspect({ channel, received })
    busy++
    if (wasSuspect) suspectRuns = true
    const isTaken = await take(received).then(
      () => true,
      async error => {
        if (!isStopped) onError(error)
        // Not at once: what could not be done a moment ago is likely to fail again, and its tries are counted.
        await pause(Math.min(GIVE_BACK_LOW_MS * 2 ** redeliveries(received), GIVE_BACK_HIGH_MS))
        return false
      },
    )
    const { deliveryTag } = received
    // On a channel that is gone there is nothing to answer: the message comes again.
    if (channel.active) {
      if (isTaken) channel.basicAck({ deliveryTag })
      else channel.basicNack({ deliveryTag, requeue: true })
    }
    busy--
    if (wasSuspect) suspectRuns = false
    if (isStopped && busy === 0) becomeIdle()
    dispatch()
  }

  async function stop(): Promise<void> {
    isStopped = true
    for (const end of [...pauses]) end()
    begin()
    if (busy === 0) becomeIdle()
    if (subscribed) {
      const { channel, consumerTag, end } = subscribed
      pending = []
      if (channel.active) {
        await within(CHANNEL_MS, 'the end of a subscription', channel.basicCancel(consumerTag)).catch(onError)
      }
      end()
      await running
    }
    await idle
  }

  const running = run()
  return {
    held: () => busy,
    begun,
    stop: () => (stopping ??= stop()),
  }
}
