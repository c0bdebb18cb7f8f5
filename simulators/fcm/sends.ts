import type { Behaviours } from './behaviour.ts'
import {
  deviceQuota,
  type ErrorReply,
  type FcmErrorCode,
  fcmError,
  foreignProject,
  invalidToken,
  ledgerFull,
  unauthenticated,
} from './errors.ts'
import type { Ledger, Outcome } from './ledger.ts'
import type { TokenIssuer } from './oauth.ts'
import { type Message, type ReceivedPush, readMessage } from './payload.ts'

/** What the connection must do with a request. */
export type Verdict = Answer | { kind: 'hang' } | { kind: 'close'; delayMs: number }
export interface Answer {
  kind: 'answer'
  status: number
  body: string
  delayMs: number
  retryAfterSeconds?: number
}

export interface SendParts {
  projectId: string
  tokens: TokenIssuer
  behaviours: Behaviours
  ledger: Ledger
  /** Called for every accepted message. */
  received(push: ReceivedPush): void
  now(): number
}

/** One `messages:send` from bytes to verdict; what is accepted is in the ledger before anything is answered. */
export function decideSend(
  parts: SendParts,
  request: { path: string; authorization: string | undefined; body: Buffer },
): Verdict {
  const { ledger } = parts
  if (!parts.tokens.accepts(request.authorization)) return refuse(ledger, unauthenticated())
  if (request.path !== `/v1/projects/${parts.projectId}/messages:send`)
    return refuse(ledger, foreignProject())
  const message = readMessage(request.body)
  if ('outcome' in message) return refuse(ledger, message)
  const behaviour = parts.behaviours.next(message.token)
  const delayMs = behaviour?.latencyMs ?? 0
  if (behaviour?.outcome === 'hang') {
    ledger.outcome('hang')
    return { kind: 'hang' }
  }
  if (
    behaviour &&
    behaviour.outcome !== 'ok' &&
    behaviour.outcome !== 'close' &&
    behaviour.outcome !== 'dead'
  ) {
    const { outcome, retryAfterSeconds } = behaviour
    const error = behaviour.deviceQuota ? deviceQuota(message.token) : fcmError(outcome)
    return refuse(ledger, error, delayMs, retryAfterSeconds)
  }
  const tokenFault = faultOfToken(message.token)
  if (tokenFault) {
    return refuse(ledger, tokenFault === 'INVALID_ARGUMENT' ? invalidToken() : fcmError(tokenFault), delayMs)
  }
  if (!accept(parts, message)) return refuse(ledger, ledgerFull(), delayMs)
  if (behaviour?.outcome === 'close') {
    ledger.outcome('close')
    return { kind: 'close', delayMs }
  }
  return { kind: 'answer', status: 200, body: acceptedBody(parts), delayMs }
}

/** The rules of the demo: `sim-…` is a device, `sim-dead-…` was one, `sim-bad-…` never was, `sim-foreign-…` is another project's. */
function faultOfToken(token: string): FcmErrorCode | null {
  if (!token.startsWith('sim-') || token.length > 500) return 'INVALID_ARGUMENT'
  if (token.startsWith('sim-dead-')) return 'UNREGISTERED'
  if (token.startsWith('sim-bad-')) return 'INVALID_ARGUMENT'
  if (token.startsWith('sim-foreign-')) return 'SENDER_ID_MISMATCH'
  return null
}

function accept(parts: SendParts, message: Message): boolean {
  const notificationId = message.data?.notificationId ?? ''
  if (!parts.ledger.accept(message.token, notificationId)) return false
  parts.received({
    at: parts.now(),
    token: message.token,
    notificationId,
    title: message.notification?.title ?? message.data?.title ?? '',
    body: message.notification?.body ?? message.data?.body ?? '',
    message,
  })
  return true
}

let messageNumber = 0
function acceptedBody({ projectId, now }: SendParts): string {
  messageNumber += 1
  return `{"name":"projects/${projectId}/messages/0:${now()}%${messageNumber.toString(16)}"}`
}

function refuse(ledger: Ledger, error: ErrorReply, delayMs = 0, retryAfterSeconds?: number): Answer {
  ledger.outcome(error.outcome satisfies Outcome)
  return {
    kind: 'answer',
    status: error.status,
    body: error.body,
    delayMs,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  }
}
