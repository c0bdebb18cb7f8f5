import { readFileSync } from 'node:fs'
import { type Clock, systemClock } from '../lib/clock.ts'
import { whenAborted } from './aborts.ts'
import { readFcmAccount } from './fcm-account.ts'
import { fcmOutcome } from './fcm-outcome.ts'
import { createPayloads } from './fcm-payload.ts'
import { openAllowance, type Quota } from './fcm-quota.ts'
import { openTokenSource, TokenRefused } from './fcm-token.ts'
import { reasonOf } from './link.ts'
import { openPool } from './pool.ts'
import { sparing } from './sparing.ts'
import { ACCEPTED } from './task.ts'
import type { ChannelLog, PushChannel, PushMessage, PushOutcome } from './types.ts'

export interface FcmOptions {
  /** The key file of the Google service account. */
  serviceAccountFile: string
  /** `https://…`, Google's own by default. */
  baseUrl?: string
  /** PEM of the authorities to trust, instead of the public ones. */
  caFile?: string | undefined
  /** `http://user:password@host:port` of the proxy that FCM and the token endpoint are reached through. */
  proxyUrl?: string | undefined
  /** HTTP/2 connections, of at most 100 streams each. */
  sessions?: number
  /** Android gets data messages, for an app that displays each id once, instead of notifications. */
  androidData?: boolean
  /** Leave to send, shared with other processes; without it nothing but FCM sets a limit. */
  quota?: Quota
  /** For one send, all waiting included. FCM asks for 15 s at least. */
  timeoutMs?: number
  log?: ChannelLog
  clock?: Clock
}

const STREAMS = 100
const HTTP1_CONNECTIONS = 100
const HTTP1_LIFE_MS = 10 * 60_000
const CONNECT_TIMEOUT_MS = 10_000
const PING_TIMEOUT_MS = 5_000
/** So many sends in a row without a word about the device, and the channel says that it is down. */
const DOWN_AFTER = 5
const FIRST_STEP_MS = 10_000
/** What nearly every push ends with: the same for all. */
const SENT: PushOutcome = Object.freeze({ outcome: 'sent' })

/**
 * The sender to Firebase Cloud Messaging (HTTP v1). Connects at the first send. Throws when the account's file or
 * the authorities' cannot be read, or an address is none.
 */
export function openFcm(options: FcmOptions): PushChannel {
  const {
    sessions = 2,
    timeoutMs = 15_000,
    clock = systemClock,
    baseUrl = 'https://fcm.googleapis.com',
  } = options
  const account = readFcmAccount(options.serviceAccountFile)
  const ca = options.caFile === undefined ? undefined : readFileSync(options.caFile, 'utf8')
  const { origin, protocol } = new URL(baseUrl)
  if (protocol !== 'https:') throw new Error('The address of FCM must begin with https')
  const warn = sparing(options.log, clock)
  const payloadOf = createPayloads(options.androidData ?? false)

  const tokens = openTokenSource({
    account,
    ca,
    proxy: options.proxyUrl,
    timeoutMs: Math.min(timeoutMs, CONNECT_TIMEOUT_MS),
    clock,
    onTrouble: reason => warn('fcm_no_token', reason),
  })
  const allowance =
    options.quota &&
    openAllowance({ quota: options.quota, onTrouble: reason => warn('fcm_quota_unknown', reason) })
  const pool = openPool({
    origin,
    ca,
    proxy: options.proxyUrl,
    path: `/v1/projects/${account.projectId}/messages:send`,
    contentType: 'application/json; charset=utf-8',
    connections: sessions,
    http1Connections: HTTP1_CONNECTIONS,
    mostStreams: STREAMS,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    pingTimeoutMs: PING_TIMEOUT_MS,
    http1LifeMs: HTTP1_LIFE_MS,
    random: Math.random,
    onTrouble: reason => warn('fcm_no_connection', reason),
  })
  let failuresInARow = 0

  /** An access token, or what becomes of a push without one. */
  async function obtain(endsAt: number, signal: AbortSignal | undefined): Promise<string | PushOutcome> {
    const obtained = await within(tokens.obtain(), endsAt - performance.now(), signal)
    if (obtained instanceof TokenRefused) return refusedToken(obtained.message)
    if (obtained instanceof Error) return notSent(reasonOf(obtained), FIRST_STEP_MS)
    return obtained
  }

  async function send(message: PushMessage, signal?: AbortSignal): Promise<PushOutcome> {
    signal?.throwIfAborted()
    const endsAt = performance.now() + timeoutMs
    const leave = allowance?.take(message.priority === 'urgent', endsAt, signal)
    const waitMs = leave ? await leave : null
    // It says nothing of FCM: the channel is as well as before.
    if (waitMs !== null) return notSent('quota', waitMs)
    for (let refusals = 0; ; refusals++) {
      const authorization = tokens.current() ?? (await obtain(endsAt, signal))
      if (typeof authorization !== 'string') return note(authorization)
      const body = payloadOf(message, clock.now())
      const request = { authorization, body, urgent: message.priority === 'urgent' }
      const exchange = await pool.post(request, endsAt - performance.now(), signal)
      if (exchange === ACCEPTED) {
        failuresInARow = 0
        return SENT
      }
      const outcome = fcmOutcome(exchange, clock.now())
      if (outcome !== 'unauthenticated') return note(outcome)
      // Not accepted any more: once again with a new one.
      tokens.discard(authorization)
      if (refusals > 0) return note(refusedToken('UNAUTHENTICATED'))
    }
  }

  function note(outcome: PushOutcome): PushOutcome {
    failuresInARow = saysSomethingOfTheDevice(outcome) ? 0 : failuresInARow + 1
    if (outcome.outcome === 'refused') {
      warn('fcm_refused', outcome.reason, outcome.stop || outcome.reason === 'SENDER_ID_MISMATCH')
    }
    if (outcome.outcome === 'retry' && outcome.slowDown) warn('fcm_slow_down', outcome.reason)
    return outcome
  }

  return {
    send,
    concurrency: sessions * STREAMS,
    state: () => (pool.unreachable() || failuresInARow >= DOWN_AFTER ? 'down' : 'ok'),
    close: async () => {
      await Promise.all([pool.close(), tokens.close()])
    },
  }
}

function saysSomethingOfTheDevice(outcome: PushOutcome): boolean {
  if (outcome.outcome === 'retry') return outcome.reason === 'QUOTA_EXCEEDED' && !outcome.slowDown
  return !(outcome.outcome === 'refused' && outcome.stop)
}

const refusedToken = (reason: string): PushOutcome => ({
  outcome: 'refused',
  reason,
  dropToken: false,
  stop: true,
})

const notSent = (reason: string, afterMs: number): PushOutcome => ({
  outcome: 'retry',
  reason,
  afterMs,
  ambiguous: false,
})

/** The value, or the error that came instead, at the latest after `ms`. Rejects with the signal's reason. */
function within(
  promise: Promise<string>,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<string | Error> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(new Error('timeout')), ms)
    const stopListening = whenAborted(signal, () => reject(signal?.reason))
    promise.then(resolve, resolve).finally(() => {
      clearTimeout(timer)
      stopListening()
    })
  })
}
