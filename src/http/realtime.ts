import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Fanout } from '../cache/index.ts'
import type { Clock } from '../lib/clock.ts'
import { Problem } from '../lib/problems.ts'
import type { Log } from '../observability/index.ts'
import { Connection } from './realtime/connection.ts'
import { conversation } from './realtime/conversation.ts'
import { openDoor } from './realtime/door.ts'
import { frameMaker } from './realtime/frames.ts'
import { forEachInSlices, openHub, SLICE } from './realtime/hub.ts'
import { CLOSE, LIMITS, type RealtimeInbox, type RealtimeLimits } from './realtime/protocol.ts'
import { timerWheel } from './realtime/wheel.ts'
import type { AccessTokens } from './tokens.ts'

export type { RealtimeInbox, RealtimeLimits } from './realtime/protocol.ts'

export interface RealtimeOptions {
  /** The API's own server: sockets come in by the same port. */
  server: Server
  tokens: Pick<AccessTokens, 'verify'>
  fanout: Fanout
  clock: Clock
  log: Log
  inbox: RealtimeInbox
  limits?: Partial<RealtimeLimits>
  /** From 0 to 1. */
  random?: () => number
}

export interface Realtime {
  stats(): { sockets: number; entering: number; topics: number }
  /**
   * No new sockets; those open are closed with 1012 and the reason, one after the other within `overMs`, and come back elsewhere.
   * Resolves when all are gone and that time is over: until then who comes is sent away.
   */
  closeAll(reason: string, overMs?: number): Promise<void>
}

/** ms for the first message; then for being let in, which waits for the database. */
const TO_AUTHENTICATE = 5_000
const TO_ENTER = 15_000
const PING_EVERY = 30_000
const PONG_WITHIN = 10_000
/** Between the slices of those who are asked to come back: ten thousand in four seconds. */
const GAP_PAUSE_MS = 100
/** A revoked session is noticed by its message; this is for when the message is lost. */
const VERIFY_EVERY = 2_000
const LAST_CALL = 3_000

/** `WS /v1/realtime`: what customers hear as it happens. Ten thousand sockets share one timer and one subscription per topic. */
export function realtime(options: RealtimeOptions): Realtime {
  const { server, tokens, fanout, clock, log, random = Math.random } = options
  const limits = { ...LIMITS, ...options.limits }
  const connections = new Set<Connection>()
  const byAccount = new Map<string, Connection[]>()
  const wheel = timerWheel<Connection>(clock, limits.tickMs, wake)
  const toFrame = frameMaker()
  const hub = openHub(fanout, onMessage)
  const talk = conversation({ ...options, limits, hub, close, onIdentified, onOpen })
  let entering = 0
  let waiting = 0
  let draining = false
  let onEmpty: () => void = () => undefined

  const closeDoor = openDoor({
    server,
    origins: limits.origins,
    refusal() {
      const full =
        draining ||
        connections.size >= limits.sockets ||
        entering >= limits.entering ||
        waiting >= limits.waiting
      // At different moments, so that they do not all come back together.
      return full ? new Problem('unavailable', { retryAfter: 1 + random() * 10 }) : null
    },
    onSocket,
  })
  // What went past is in the inbox: who comes back with the last that they saw misses nothing.
  const stopGaps = fanout.onGap(() => {
    forEachInSlices(
      connections,
      connection => close(connection, CLOSE.restart, 'messages missed'),
      GAP_PAUSE_MS,
    ).catch(error => log.error({ event: 'realtime_failed', error }))
  })
  const stopHearing = fanout.subscribe('sessions-revoked', message => {
    const revoked = new Set(message as string[])
    for (const connection of connections) {
      if (connection.caller && revoked.has(connection.caller.sessionId)) close(connection, CLOSE.revoked)
    }
  })

  function onSocket(ws: WebSocket, wire: Duplex): void {
    const now = clock.now()
    const connection = new Connection(ws, wire, now, now + TO_AUTHENTICATE)
    connections.add(connection)
    entering++
    wheel.set(connection, connection.deadline)
    ws.on('message', (data, isBinary) => talk.hear(connection, data as Buffer, isBinary))
    ws.on('error', error => log.debug({ event: 'realtime_error', caller: connection.caller?.id, error }))
    ws.on('close', () => {
      forget(connection)
      connections.delete(connection)
      if (connections.size === 0) onEmpty()
    })
  }

  function onIdentified(connection: Connection, accountId: string): void {
    connection.isWaiting = true
    waiting++
    connection.deadline = clock.now() + TO_ENTER
    wheel.set(connection, connection.deadline)
    const own = byAccount.get(accountId)
    if (!own) byAccount.set(accountId, [connection])
    else if (own.push(connection) > limits.socketsOfAccount) close(own[0] as Connection, CLOSE.tooManySockets)
  }

  function onOpen(connection: Connection): void {
    leaveQueue(connection)
    connection.state = 'open'
    const now = clock.now()
    // Spread, so that those who came back together are not looked at together for ever.
    connection.pingAt = now + PING_EVERY * (0.5 + random() / 2)
    wheel.set(connection, now + VERIFY_EVERY * random())
  }

  function leaveQueue(connection: Connection): void {
    entering--
    if (connection.isWaiting) waiting--
    connection.isWaiting = false
  }

  function close(connection: Connection, code: number, reason?: string): void {
    forget(connection)
    connection.ws.close(code, reason)
  }

  function forget(connection: Connection): void {
    if (connection.state === 'closed') return
    if (connection.state !== 'open') leaveQueue(connection)
    connection.state = 'closed'
    wheel.delete(connection)
    hub.leaveAll(connection)
    const own = connection.caller && byAccount.get(connection.caller.id)
    if (!own || !connection.caller) return
    own.splice(own.indexOf(connection), 1)
    if (own.length === 0) byAccount.delete(connection.caller.id)
  }

  function wake(connection: Connection): void {
    const now = clock.now()
    const { state, deadline, pongBy, expiresAt } = connection
    if (state !== 'open') {
      if (now < deadline) wheel.set(connection, deadline)
      else close(connection, state === 'new' ? CLOSE.unauthenticated : CLOSE.tryLater)
      return
    }
    if (pongBy > 0 && now >= pongBy) {
      close(connection, CLOSE.noPong)
      return
    }
    if (now >= connection.pingAt) {
      connection.say({ type: 'ping' })
      connection.pongBy = now + PONG_WITHIN
      connection.pingAt = now + PING_EVERY
    }
    tokens.verify(connection.token).catch(() => {
      close(connection, now >= expiresAt ? CLOSE.unauthenticated : CLOSE.revoked)
    })
    const next = Math.min(now + VERIFY_EVERY, connection.pingAt, Math.max(expiresAt, now))
    wheel.set(connection, connection.pongBy > 0 ? Math.min(next, connection.pongBy) : next)
  }

  function onMessage(message: unknown, listeners: ReadonlySet<Connection>): void {
    const { type } = message as { type: string }
    if (type === 'links-changed') {
      for (const connection of listeners) talk.refresh(connection)
      return
    }
    const frame = toFrame(message as { type: string })
    if (!frame) return
    forEachInSlices(listeners, connection => connection.hear(frame)).catch(error =>
      log.error({ event: 'realtime_failed', error }),
    )
  }

  return {
    stats: () => ({ sockets: connections.size, entering, topics: hub.topics() }),
    async closeAll(reason, overMs = 0) {
      draining = true
      const isOver = new Promise(resolve => setTimeout(resolve, overMs))
      const pauseMs = Math.floor((overMs * SLICE) / Math.max(SLICE, connections.size))
      await forEachInSlices(connections, connection => close(connection, CLOSE.restart, reason), pauseMs)
      await isOver
      if (connections.size > 0) {
        await new Promise<void>(resolve => {
          const late = setTimeout(resolve, LAST_CALL)
          onEmpty = () => {
            clearTimeout(late)
            resolve()
          }
        })
      }
      for (const connection of connections) connection.ws.terminate()
      closeDoor()
      stopGaps()
      stopHearing()
      wheel.stop()
    },
  }
}
