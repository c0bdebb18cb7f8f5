import type { Clock } from '../../lib/clock.ts'
import { Problem } from '../../lib/problems.ts'
import type { Log } from '../../observability/index.ts'
import type { Caller } from '../caller.ts'
import type { AccessTokens } from '../tokens.ts'
import type { Connection } from './connection.ts'
import type { Hub } from './hub.ts'
import {
  CLOSE,
  type ClientMessage,
  type RealtimeInbox,
  type RealtimeLimits,
  readMessage,
} from './protocol.ts'
import { turns } from './turns.ts'

/** Requests of one client under way at once. */
const MOST_BUSY = 8
/** Broadcasts that one socket follows; the oldest goes. */
const MOST_WATCHED = 20

export interface ConversationOptions {
  tokens: Pick<AccessTokens, 'verify'>
  inbox: RealtimeInbox
  hub: Hub
  clock: Clock
  log: Log
  limits: RealtimeLimits
  close: (connection: Connection, code: number, reason?: string) => void
  /** The token is good; what follows waits for its turn. */
  onIdentified: (connection: Connection, accountId: string) => void
  /** Everything missed is sent. */
  onOpen: (connection: Connection) => void
}

/** What is said with a client: who it is, what it missed, what it asks. */
export function conversation(options: ConversationOptions): {
  hear(connection: Connection, data: Buffer, isBinary: boolean): void
  /** The caller's meters or agencies changed: what the socket hears follows. */
  refresh(connection: Connection): void
} {
  const { tokens, inbox, hub, clock, log, limits, close, onIdentified, onOpen } = options
  const inTurn = turns(limits.entrances)

  function hear(connection: Connection, data: Buffer, isBinary: boolean): void {
    if (connection.state === 'closed') return
    const message = isBinary ? 'malformed' : readMessage(data.toString())
    if (!connection.spend(clock.now())) close(connection, CLOSE.tooManyMessages)
    else if (message === 'malformed') close(connection, CLOSE.malformed)
    else if (connection.state !== 'new') answer(connection, message)
    else if (message === 'unknown' || message.type !== 'auth') close(connection, CLOSE.unauthenticated)
    else {
      connection.state = 'entering'
      run(connection, enter(connection, message))
    }
  }

  function answer(connection: Connection, message: ClientMessage | 'unknown'): void {
    const { caller, state } = connection
    if (message === 'unknown') connection.say({ type: 'error', code: 'invalid' })
    else if (message.type === 'pong') connection.pongBy = 0
    else if (!caller || state !== 'open') connection.say({ type: 'error', code: 'request_in_progress' })
    else if (connection.busy >= MOST_BUSY) close(connection, CLOSE.tooManyMessages)
    else if (message.type === 'auth') run(connection, renew(connection, caller, message.token))
    else if (message.type === 'read') run(connection, inbox.markRead(caller, message.id))
    else run(connection, watch(connection, caller, message.broadcastId))
  }

  function run(connection: Connection, work: Promise<void>): void {
    connection.busy++
    work
      .catch(error => fail(connection, error))
      .finally(() => {
        connection.busy--
      })
  }

  /** What went wrong, as far as the client may know; who is not let in is sent away. */
  function fail(connection: Connection, error: unknown): void {
    const problem = error instanceof Problem ? error : new Problem('internal', { cause: error })
    const fields = { event: 'realtime_failed', caller: connection.caller?.id, error }
    if (problem.code === 'internal') log.error(fields)
    else if (problem.status >= 500) log.warn(fields)
    if (problem.status === 401) close(connection, CLOSE.unauthenticated)
    else if (connection.state === 'entering') close(connection, CLOSE.tryLater)
    else connection.say({ type: 'error', code: problem.code })
  }

  async function enter(connection: Connection, { token, lastSeenId }: ClientMessage & { type: 'auth' }) {
    const { caller, expiresAt } = await tokens.verify(token)
    if (isClosed(connection)) return
    Object.assign(connection, { caller, token, expiresAt })
    onIdentified(connection, caller.id)
    await inTurn(async () => {
      if (isClosed(connection)) return
      // Heard from here on, sent after what was missed: nothing falls in between.
      connection.hold()
      for (const topic of inbox.ownTopics(caller)) hub.join(connection, topic)
      await readTopics(connection, caller)
      if (isClosed(connection)) return
      const missed = await inbox.replay(caller, lastSeenId)
      if (isClosed(connection)) return
      onOpen(connection)
      connection.release(missed)
    })
  }

  async function renew(connection: Connection, { id }: Caller, token: string): Promise<void> {
    const { caller, expiresAt } = await tokens.verify(token)
    if (caller.id !== id) throw new Problem('unauthenticated')
    Object.assign(connection, { caller, token, expiresAt })
    refresh(connection)
    connection.say({ type: 'ready', complete: true })
  }

  async function watch(connection: Connection, caller: Caller, broadcastId: string): Promise<void> {
    if (caller.role === 'customer') throw new Problem('forbidden')
    if (!(await inbox.mayWatch(caller, broadcastId))) throw new Problem('not_found')
    if (isClosed(connection)) return
    const topic = `broadcast:${broadcastId}`
    if (!connection.watched.includes(topic)) connection.watched.push(topic)
    hub.join(connection, topic)
    if (connection.watched.length > MOST_WATCHED) hub.leave(connection, connection.watched.shift() as string)
  }

  /** Makes it hear what its caller is to hear; once more when that changed while it was read. */
  async function readTopics(connection: Connection, caller: Caller): Promise<void> {
    do {
      connection.reading = 'yes'
      const { language, topics, fillIn } = await inbox.topicsOf(caller)
      if (isClosed(connection)) return
      connection.language = language
      connection.fillIn = fillIn
      const wanted = new Set([...topics, ...connection.watched])
      for (const topic of [...connection.topics]) if (!wanted.has(topic)) hub.leave(connection, topic)
      for (const topic of wanted) hub.join(connection, topic)
    } while (mustReadAgain(connection))
    connection.reading = 'no'
  }

  function refresh(connection: Connection): void {
    const { caller } = connection
    if (!caller || isClosed(connection)) return
    if (connection.reading !== 'no') {
      connection.reading = 'again'
      return
    }
    connection.reading = 'yes'
    inTurn(() => readTopics(connection, caller)).catch(error => {
      // Hearing too much or too little is worse than coming back.
      log.warn({ event: 'realtime_failed', caller: caller.id, error })
      close(connection, CLOSE.tryLater)
    })
  }

  return { hear, refresh }
}

// As functions: what a check before an `await` said is no more known after it.
const isClosed = ({ state }: Connection): boolean => state === 'closed'
const mustReadAgain = ({ reading }: Connection): boolean => reading === 'again'
