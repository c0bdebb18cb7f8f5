import type { Exchange } from './task.ts'
import type { PushOutcome } from './types.ts'

/** Without a wish of FCM's: its advice for 429, and our first step for the rest. */
const QUOTA_PAUSE_MS = 60_000
const FIRST_STEP_MS = 10_000
const LONGEST_WISH_MS = 24 * 3_600_000

interface FcmFault {
  errorCode: string | null
  message: string
  /** Fields named by `google.rpc.BadRequest`. */
  fields: string[]
  /** What `google.rpc.QuotaFailure` says, as text. */
  quota: string
}

/**
 * What an exchange with FCM means for the device. `unauthenticated`: our access token was not accepted.
 * FCM's own `errorCode` decides where there is one, never the HTTP status alone.
 */
export function fcmOutcome(exchange: Exchange, now: number): PushOutcome | 'unauthenticated' {
  if (exchange.kind !== 'answered') {
    return retry(exchange.reason, FIRST_STEP_MS, exchange.kind === 'lost')
  }
  const { status } = exchange
  if (status === 200) return { outcome: 'sent' }
  const fault = readFault(exchange.body)
  const wish = retryAfterMs(exchange.retryAfter, now)
  switch (fault.errorCode) {
    case 'UNREGISTERED':
      return { outcome: 'unregistered' }
    case 'INVALID_ARGUMENT':
      return invalidArgument(fault)
    case 'SENDER_ID_MISMATCH':
      return { outcome: 'refused', reason: 'SENDER_ID_MISMATCH', dropToken: true, stop: false }
    case 'QUOTA_EXCEEDED':
      return quotaExceeded(fault, wish)
    case 'UNAVAILABLE':
    case 'INTERNAL':
      return retry(fault.errorCode, wish ?? FIRST_STEP_MS, false)
    case 'THIRD_PARTY_AUTH_ERROR':
      return ourFault('THIRD_PARTY_AUTH_ERROR')
  }
  return withoutErrorCode(status, fault, wish)
}

/** Answers that are not FCM's own: Google's front ends, a proxy, or a request that never became a message. */
function withoutErrorCode(
  status: number,
  fault: FcmFault,
  wish: number | null,
): PushOutcome | 'unauthenticated' {
  if (status === 401) return 'unauthenticated'
  if (status === 400) return invalidArgument(fault)
  if (status === 429) return quotaExceeded(fault, wish)
  // A gateway that lost what is behind it cannot tell whether the request arrived there.
  if (status === 502 || status === 504) return retry(`HTTP ${status}`, wish ?? FIRST_STEP_MS, true)
  if (status >= 500 || status === 408) return retry(`HTTP ${status}`, wish ?? FIRST_STEP_MS, false)
  return ourFault(`HTTP ${status}`)
}

/**
 * The token's fault only when FCM says so in as many words: taking a fault of the payload for one of the token would
 * drop everybody's.
 */
function invalidArgument({ fields, message }: FcmFault): PushOutcome {
  const ofToken =
    fields.length > 0 ? fields.every(field => field === 'message.token') : /registration token/i.test(message)
  if (ofToken) return { outcome: 'refused', reason: 'INVALID_ARGUMENT', dropToken: true, stop: false }
  return ourFault(['INVALID_ARGUMENT', ...fields].join(' ').slice(0, 200))
}

function quotaExceeded({ quota, message }: FcmFault, wish: number | null): PushOutcome {
  const ofDevice = /device/i.test(`${quota} ${message}`)
  const outcome = retry('QUOTA_EXCEEDED', wish ?? QUOTA_PAUSE_MS, false)
  return ofDevice ? outcome : { ...outcome, slowDown: true }
}

const retry = (reason: string, afterMs: number, ambiguous: boolean) =>
  ({ outcome: 'retry', reason, afterMs, ambiguous }) as const

const ourFault = (reason: string): PushOutcome => ({
  outcome: 'refused',
  reason,
  dropToken: false,
  stop: true,
})

function readFault(text: string): FcmFault {
  const fault: FcmFault = { errorCode: null, message: '', fields: [], quota: '' }
  const error = objectOf(objectOf(parsed(text)).error)
  if (typeof error.message === 'string') fault.message = error.message
  for (const item of listOf(error.details)) {
    const detail = objectOf(item)
    const type = String(detail['@type'])
    if (type.endsWith('.FcmError') && typeof detail.errorCode === 'string') fault.errorCode = detail.errorCode
    if (type.endsWith('.BadRequest')) {
      for (const violation of listOf(detail.fieldViolations))
        fault.fields.push(String(objectOf(violation).field))
    }
    if (type.endsWith('.QuotaFailure')) fault.quota += JSON.stringify(detail.violations)
  }
  return fault
}

/** Seconds, or a date (RFC 9110, 10.2.3); null when it says nothing that can be read. */
function retryAfterMs(header: string | undefined, now: number): number | null {
  if (header === undefined) return null
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isNaN(ms) ? null : Math.min(LONGEST_WISH_MS, Math.max(0, ms))
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // A page of a proxy or of Google's front end: the status decides.
    return null
  }
}

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
