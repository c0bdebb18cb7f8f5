import { SignJWT } from 'jose'
import { Agent, request } from 'undici'
import type { Clock } from '../lib/clock.ts'
import { dialer } from './dial.ts'
import type { FcmAccount } from './fcm-account.ts'

const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging'
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const ASSERTION_LIFE_S = 3600
const LARGEST_ANSWER = 64 * 1024
/** Renewed when this part of its life is over, while it still serves. */
const RENEW_AFTER = 0.8
/** Not used any more in the last part of its life, so that it does not end on the way. */
const USED_UNTIL = 0.95
/** After a failure the endpoint is left alone for so long, whatever the number of senders. */
const PAUSE_MS = 1_000

/** Google refuses us a token: our account, key or clock is at fault, and trying again will not help. */
export class TokenRefused extends Error {}

export interface TokenSource {
  /** The value of the `Authorization` header, if there is one that serves. Starts its renewal when it is time. */
  current(): string | null
  /** The same, asking for one if need be: once for all who wait. Rejects with `TokenRefused`, or with what kept the endpoint from answering. */
  obtain(): Promise<string>
  /** FCM does not accept it any more. */
  discard(bearer: string): void
  close(): Promise<void>
}

export interface TokenSourceOptions {
  account: FcmAccount
  /** PEM of the authorities to trust instead of the public ones. */
  ca: string | undefined
  /** `http://user:password@host:port` of a proxy; none when undefined. */
  proxy: string | undefined
  timeoutMs: number
  clock: Clock
  onTrouble(reason: string): void
}

interface Token {
  bearer: string
  renewAt: number
  usedUntil: number
}

/** Access tokens for a service account (RFC 7523), kept and renewed early, once for all senders. */
export function openTokenSource({
  account,
  ca,
  proxy,
  timeoutMs,
  clock,
  onTrouble,
}: TokenSourceOptions): TokenSource {
  const dial = dialer({ origin: new URL(account.tokenUri).origin, ca, proxy, protocols: ['http/1.1'] })
  const agent = new Agent({
    connections: 1,
    maxResponseSize: LARGEST_ANSWER,
    connect: (_options, done) => {
      dial(timeoutMs).then(
        socket => done(null, socket),
        (error: Error) => done(error, null),
      )
    },
  })
  let token: Token | null = null
  let flight: Promise<string> | null = null
  let failure: { error: Error; until: number } | null = null

  function obtain(): Promise<string> {
    if (failure && clock.now() < failure.until) return Promise.reject(failure.error)
    flight ??= ask()
      .then(
        fresh => {
          token = fresh
          failure = null
          return fresh.bearer
        },
        (error: Error) => {
          failure = { error, until: clock.now() + PAUSE_MS }
          onTrouble(error.message)
          throw error
        },
      )
      .finally(() => {
        flight = null
      })
    return flight
  }

  async function ask(): Promise<Token> {
    const askedAt = clock.now()
    const { statusCode, body } = await request(account.tokenUri, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: GRANT,
        assertion: await assertion(account, askedAt),
      }).toString(),
      dispatcher: agent,
      signal: AbortSignal.timeout(timeoutMs),
    })
    const answer = fieldsOf(await body.text())
    if (statusCode === 200 && typeof answer.access_token === 'string') {
      const lifeMs = Number(answer.expires_in) * 1000
      if (!(lifeMs > 0)) throw new Error('the token endpoint gave a token without a life')
      return {
        bearer: `Bearer ${answer.access_token}`,
        renewAt: askedAt + lifeMs * RENEW_AFTER,
        usedUntil: askedAt + lifeMs * USED_UNTIL,
      }
    }
    const reason = typeof answer.error === 'string' ? answer.error.slice(0, 100) : `HTTP ${statusCode}`
    if (statusCode === 400 || statusCode === 401 || statusCode === 403) throw new TokenRefused(reason)
    throw new Error(`token endpoint: ${reason}`)
  }

  return {
    current: () => {
      const now = clock.now()
      if (token === null || now >= token.usedUntil) return null
      // Its failure is told by `onTrouble`, and is nobody's while the old one serves.
      if (now >= token.renewAt) obtain().catch(() => undefined)
      return token.bearer
    },
    obtain,
    discard: bearer => {
      if (token?.bearer === bearer) token = null
    },
    close: () => agent.destroy(),
  }
}

const assertion = (account: FcmAccount, now: number): Promise<string> =>
  new SignJWT({ scope: SCOPE })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: account.keyId })
    .setIssuer(account.clientEmail)
    .setAudience(account.tokenUri)
    .setIssuedAt(Math.floor(now / 1000))
    .setExpirationTime(Math.floor(now / 1000) + ASSERTION_LIFE_S)
    .sign(account.privateKey)

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    // A proxy's page, for example: the status tells enough.
    return {}
  }
}
