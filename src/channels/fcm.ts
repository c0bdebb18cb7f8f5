import { readFileSync } from 'node:fs'
import { type Clock, systemClock } from '../lib/clock.ts'
import { whenAborted } from './aborts.ts'
import { readFcmAccount } from './fcm-account.ts'
import { fcmOutcome } from './fcm-outcome.ts'
import { fcmPayload } from './fcm-payload.ts'
import { openTokenSource, TokenRefused } from './fcm-token.ts'
import { openHttp2Pool } from './http2-pool.ts'
import type { ChannelLog, PushChannel, PushMessage, PushOutcome } from './types.ts'

export interface FcmOptions {
  /** The key file of the Google service account. */
  serviceAccountFile: string
  /** `https://…`, Google's own by default. */
  baseUrl?: string
  /** PEM of the authorities to trust, instead of the public ones. */
  caFile?: string
  /** HTTP/2 connections, of at most 100 streams each. */
  sessions?: number
  /** For one send, all waiting included. FCM asks for 15 s at least. */
  timeoutMs?: number
  log?: ChannelLog
  clock?: Clock
}

const STREAMS = 100
const CONNECT_TIMEOUT_MS = 10_000
const PING_TIMEOUT_MS = 5_000
/** So many sends in a row without a word about the device, and the channel says that it is down. */
const DOWN_AFTER = 5
const FIRST_STEP_MS = 10_000
/** The same trouble is logged once in so long. */
const LOG_EVERY_MS = 10_000

/**
 * The sender to Firebase Cloud Messaging (HTTP v1). Connects at the first send. Throws when the account's file or
 * the authorities' cannot be read.
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
  const { origin, protocol, host } = new URL(baseUrl)
  if (protocol !== 'https:') throw new Error('The address of FCM must begin with https')
  const warn = sparing(options.log, clock)

  const tokens = openTokenSource({
    account,
    ca,
    timeoutMs: Math.min(timeoutMs, CONNECT_TIMEOUT_MS),
    clock,
    onTrouble: reason => warn('fcm_no_token', reason),
  })
  const pool = openHttp2Pool({
    origin,
    ca,
    connections: sessions,
    mostStreams: STREAMS,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    pingTimeoutMs: PING_TIMEOUT_MS,
    random: Math.random,
    onTrouble: reason => warn('fcm_no_connection', reason),
  })
  const headers = {
    ':method': 'POST',
    ':scheme': 'https',
    ':authority': host,
    ':path': `/v1/projects/${account.projectId}/messages:send`,
    'content-type': 'application/json; charset=utf-8',
  }
  let failuresInARow = 0

  async function attempt(
    message: PushMessage,
    endsAt: number,
    signal: AbortSignal | undefined,
  ): Promise<PushOutcome | { rejected: string }> {
    let authorization = tokens.current()
    if (authorization === null) {
      const obtained = await within(tokens.obtain(), endsAt - performance.now(), signal)
      if (obtained instanceof TokenRefused) return refusedToken(obtained.message)
      if (obtained instanceof Error) return notReached(reasonOf(obtained))
      authorization = obtained
    }
    const request = { headers: { ...headers, authorization }, body: fcmPayload(message, clock.now()) }
    const exchange = await pool.post(request, endsAt - performance.now(), signal)
    const outcome = fcmOutcome(exchange, clock.now())
    return outcome === 'unauthenticated' ? { rejected: authorization } : outcome
  }

  async function send(message: PushMessage, signal?: AbortSignal): Promise<PushOutcome> {
    signal?.throwIfAborted()
    const endsAt = performance.now() + timeoutMs
    let outcome = await attempt(message, endsAt, signal)
    if ('rejected' in outcome) {
      tokens.discard(outcome.rejected)
      outcome = await attempt(message, endsAt, signal)
    }
    const final = 'rejected' in outcome ? refusedToken('UNAUTHENTICATED') : outcome
    note(final)
    return final
  }

  function note(outcome: PushOutcome): void {
    failuresInARow = saysSomethingOfTheDevice(outcome) ? 0 : failuresInARow + 1
    if (outcome.outcome === 'refused') warn('fcm_refused', outcome.reason)
    if (outcome.outcome === 'retry' && outcome.slowDown) warn('fcm_slow_down', outcome.reason)
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

const notReached = (reason: string): PushOutcome => ({
  outcome: 'retry',
  reason,
  afterMs: FIRST_STEP_MS,
  ambiguous: false,
})

const reasonOf = (error: Error & { code?: unknown }): string =>
  typeof error.code === 'string' ? error.code : error.message

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

/** A warning, at most once in a while for the same event and reason. */
function sparing(log: ChannelLog | undefined, clock: Clock): (event: string, reason: string) => void {
  const last = new Map<string, number>()
  return (event, reason) => {
    const now = clock.now()
    const key = `${event} ${reason}`
    if (now - (last.get(key) ?? Number.NEGATIVE_INFINITY) < LOG_EVERY_MS) return
    if (last.size >= 100) last.clear()
    last.set(key, now)
    log?.warn({ event, reason })
  }
}
