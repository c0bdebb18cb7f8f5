import { type Channel, Connection, type ConnectionOptions } from 'rabbitmq-client'
import { within } from './within.ts'

/** A connection that comes back by itself, with the queues declared whenever it does. */
export interface Link {
  /** A channel for the caller to close. Waits for the connection; rejects after `ms`. */
  channel(ms: number): Promise<Channel>
  /** Runs `work` on a channel of its own, which is closed afterwards; rejects after `ms`. */
  use<T>(ms: number, what: string, work: (channel: Channel) => Promise<T>): Promise<T>
  /** Connected, queues declared, and not blocked by the broker. */
  isReady(): boolean
  /** Declares the queues again before the next channel: one turned out to be missing. */
  redeclare(): void
  /** Why the broker does not read what we publish, for want of memory or disk; undefined when it does. */
  blocked(): string | undefined
  onBlocked(react: (reason: string) => void): void
  close(): Promise<void>
}

export interface LinkOptions {
  connection: ConnectionOptions
  declare: (channel: Channel) => Promise<void>
  onError: (error: Error) => void
}

const DECLARE_MS = 30_000
const CLOSE_MS = 2_000
const REPEAT_MS = 2_000
const REDECLARE_MS = 1_000

export function openLink({ connection, declare, onError }: LinkOptions): Link {
  const rabbit = new Connection(connection)
  let declaring: Promise<void> | undefined
  let isDeclared = false
  let repeat: NodeJS.Timeout | undefined
  let isClosed = false
  let blocked: string | undefined

  rabbit.on('error', onError)
  rabbit.on('connection.blocked', reason => {
    blocked = reason
  })
  rabbit.on('connection.unblocked', () => {
    blocked = undefined
  })
  // Also when it came back: it may have lost everything.
  rabbit.on('connection', () => {
    isDeclared = false
    blocked = undefined
    prepare()
  })

  /** Until it succeeds or the connection is lost, which begins it anew. */
  function prepare(): void {
    clearTimeout(repeat)
    if (isClosed) return
    declared().catch(error => {
      if (isClosed) return
      onError(error)
      repeat = setTimeout(prepare, REPEAT_MS)
    })
  }

  async function declareAll(): Promise<void> {
    const channel = await rabbit.acquire({ emitErrorsFromChannel: true })
    channel.on('error', onError)
    try {
      await within(DECLARE_MS, 'declaring the queues', declare(channel))
      isDeclared = true
    } finally {
      await closeChannel(channel)
    }
  }

  function declared(): Promise<void> {
    if (isDeclared) return Promise.resolve()
    declaring ??= declareAll().finally(() => {
      declaring = undefined
    })
    return declaring
  }

  async function acquire(): Promise<Channel> {
    await declared()
    const channel = await rabbit.acquire({ emitErrorsFromChannel: true })
    // Its end is told by `close` and by the calls that were under way; this is for the log.
    channel.on('error', onError)
    return channel
  }

  async function channel(ms: number): Promise<Channel> {
    const acquiring = acquire()
    return within(ms, 'a channel of RabbitMQ', acquiring).catch(error => {
      // It may come after all, when nobody waits for it.
      acquiring.then(closeChannel, () => undefined)
      throw error
    })
  }

  /** Not at once: RabbitMQ 3.10 forgets to tell those who consumed a queue that is made anew before it told them. */
  function redeclare(): void {
    if (!isDeclared || isClosed) return
    isDeclared = false
    clearTimeout(repeat)
    repeat = setTimeout(prepare, REDECLARE_MS)
  }

  return {
    channel,
    async use(ms, what, work) {
      const mine = await channel(ms)
      try {
        return await within(ms, what, work(mine))
      } catch (error) {
        if ((error as { code?: string }).code === 'NOT_FOUND') redeclare()
        throw error
      } finally {
        await closeChannel(mine)
      }
    },
    isReady: () => rabbit.ready && isDeclared,
    redeclare,
    blocked: () => blocked,
    onBlocked: react => void rabbit.on('connection.blocked', react),
    async close() {
      if (isClosed) return
      isClosed = true
      clearTimeout(repeat)
      // A blocked connection says no goodbye: what it writes stays with us.
      await within(CLOSE_MS, 'the end of the connection', rabbit.close()).catch(() => rabbit.unsafeDestroy())
    },
  }
}

/** Closes a channel, waiting no longer than it is worth: its messages return when the connection ends, too. */
export async function closeChannel(channel: Channel): Promise<void> {
  await within(CLOSE_MS, 'the end of a channel', channel.close()).catch(() => undefined)
}
