import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Channel } from 'rabbitmq-client'
import { PublishError } from '../types.ts'
import type { Encoded } from './format.ts'
import { closeChannel, type Link } from './link.ts'
import { within } from './within.ts'

export interface Publisher {
  /** Resolves when the broker confirmed all; rejects with `PublishError` within `publishMs` otherwise. */
  publish(messages: readonly Encoded[]): Promise<void>
  /** Connected, not blocked, and confirming. */
  isReady(): boolean
  close(): Promise<void>
}

export interface PublisherOptions {
  link: Link
  /** ms that a call may take. */
  publishMs: number
  /** Messages sent and not confirmed, of all calls together. */
  window: number
}

/** Messages in hand, of all calls together. */
const MAX_HELD = 50_000
const REOPEN_MS = 500

/** One call of `publish`. */
interface Call {
  messages: readonly Encoded[]
  /** By place in `messages`. */
  confirmed: Uint8Array
  left: number
  failure: Error | undefined
  isOver: boolean
  end(): void
}

export function openPublisher({ link, publishMs, window }: PublisherOptions): Publisher {
  const calls = new Set<Call>()
  /** Those who wait for a place in the window, longest first: one of each call at most. */
  const waiting: (() => void)[] = []
  let held = 0
  let inWindow = 0
  let channel: Channel | undefined
  let opening: Promise<Channel> | undefined
  let reopening: NodeJS.Timeout | undefined
  /** Nothing was confirmed in time; a confirmation or another channel ends it. */
  let isStalled = false
  let isClosed = false

  link.onBlocked(reason => {
    for (const call of calls) fail(call, new Error(blockedBy(reason)))
  })

  function fail(call: Call, error: Error): void {
    call.failure ??= error
    call.end()
  }

  async function open(): Promise<Channel> {
    const opened = await link.channel(publishMs)
    opened.on('basic.return', ({ messageId, routingKey }) => {
      takeBack(messageId, routingKey)
    })
    await within(publishMs, 'a channel with confirmations', opened.confirmSelect()).catch(async error => {
      await closeChannel(opened)
      throw error
    })
    opened.once('close', () => {
      channel = undefined
      isStalled = false
      keepOpen()
    })
    channel = opened
    return opened
  }

  /** So that `isReady` tells the truth before anybody publishes. */
  function keepOpen(): void {
    clearTimeout(reopening)
    if (isClosed) return
    theChannel().catch(() => {
      reopening = setTimeout(keepOpen, REOPEN_MS)
    })
  }

  /** One channel for all. */
  function theChannel(): Promise<Channel> {
    if (channel?.active) return Promise.resolve(channel)
    opening ??= open().finally(() => {
      opening = undefined
    })
    return opening
  }

  /** No queue took it: somebody deleted one. */
  function takeBack(id: string | undefined, routingKey: string): void {
    link.redeclare()
    for (const call of calls) {
      const index = call.messages.findIndex(({ envelope }) => envelope.messageId === id)
      if (index < 0) continue
      call.confirmed[index] = 0
      call.failure ??= new Error(`There is no queue ${routingKey}.`)
    }
  }

  /** The place goes to who waited longest. */
  function leave(): void {
    const next = waiting.shift()
    if (next) next()
    else inWindow--
  }

  async function sendAll(call: Call): Promise<void> {
    const through = await theChannel()
    for (let i = 0; i < call.messages.length && !call.isOver; i++) {
      if (inWindow < window) inWindow++
      else await new Promise<void>(go => waiting.push(go))
      if (call.isOver) leave()
      else send(through, call, i)
    }
  }

  function send(through: Channel, call: Call, index: number): void {
    const { envelope, body } = call.messages[index] as Encoded
    const ended = () => {
      leave()
      if (--call.left === 0) call.end()
    }
    through.basicPublish(envelope, body).then(
      () => {
        isStalled = false
        call.confirmed[index] = 1
        ended()
      },
      (error: Error & { code?: string }) => {
        call.failure ??= error.code === 'NACK' ? new Error(`Queue ${envelope.routingKey} is full.`) : error
        ended()
      },
    )
  }

  keepOpen()

  function refuse(count: number): void {
    const blocked = link.blocked()
    if (isClosed) throw new PublishError('The broker is closed.')
    if (blocked !== undefined) throw new PublishError(blockedBy(blocked))
    if (isStalled) throw new PublishError('RabbitMQ has stopped confirming.')
    if (held + count > MAX_HELD) throw new PublishError(`${held} messages wait for RabbitMQ already.`)
  }

  return {
    async publish(messages) {
      refuse(messages.length)
      if (messages.length === 0) return
      const { promise: ended, resolve: end } = Promise.withResolvers<void>()
      const call: Call = {
        messages,
        confirmed: new Uint8Array(messages.length),
        left: messages.length,
        failure: undefined,
        isOver: false,
        end() {
          call.isOver = true
          end()
        },
      }
      const timer = setTimeout(() => {
        isStalled = inWindow > 0
        fail(call, new Error(`RabbitMQ did not confirm within ${publishMs} ms.`))
      }, publishMs)
      calls.add(call)
      held += messages.length
      try {
        sendAll(call).catch(error => fail(call, error))
        await ended
        // What comes back is told one turn of the event loop later than its confirmation.
        await nextTurn()
      } finally {
        clearTimeout(timer)
        calls.delete(call)
        held -= messages.length
      }
      if (call.failure) throw new PublishError(call.failure.message, takenOf(call), call.failure)
    },
    isReady: () => link.isReady() && channel !== undefined && !isStalled,
    async close() {
      isClosed = true
      clearTimeout(reopening)
      if (channel) await closeChannel(channel)
    },
  }
}

const blockedBy = (reason: string) => `RabbitMQ takes no messages: ${reason}.`

const takenOf = ({ messages, confirmed }: Call): Set<string> =>
  new Set(messages.filter((_, i) => confirmed[i] === 1).map(({ envelope }) => envelope.messageId ?? ''))
