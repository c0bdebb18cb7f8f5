import type { Log } from '../observability/index.ts'

/** What happened to one push on one device; the words of the delivery engine (docs/notifications.md). */
export type PushOutcome =
  | { outcome: 'sent' }
  /** The token is dead: drop it. */
  | { outcome: 'unregistered' }
  /** Final, with its reason. `dropToken` when the token itself is at fault; `stop` when the fault is ours and would hit every device. */
  | { outcome: 'refused'; reason: string; dropToken: boolean; stop: boolean }
  /**
   * Try later, not before `afterMs`; whoever retries rounds it up to a step of theirs. `ambiguous` when the push may
   * have arrived. `slowDown` when FCM is tired of all of us, not of this device alone: whoever sends to many pauses.
   */
  | { outcome: 'retry'; reason: string; afterMs: number; ambiguous: boolean; slowDown?: true }

export interface PushMessage {
  /** The device's FCM token. */
  token: string
  /** Same id, same place on the screen: what is sent again replaces. */
  notificationId: string
  type: string
  title: string
  body: string
  priority: 'urgent' | 'high' | 'normal' | 'low'
  /** ms since the epoch; a push is not worth delivering afterwards. */
  expiresAt: number
  data?: Record<string, string>
}

export interface PushChannel {
  /** Never rejects for what one device does; rejects only when aborted. Bounded in time (15 s). */
  send(message: PushMessage, signal?: AbortSignal): Promise<PushOutcome>
  /** How many sends may usefully be under way at once. */
  readonly concurrency: number
  /** 'down' when connections or the last sends in a row failed for reasons that are not a device's. No call is made. */
  state(): 'ok' | 'down'
  close(): Promise<void>
}

/** Where a channel tells what an operator should know; never a token, a code or a text of a message. */
export type ChannelLog = Pick<Log, 'warn'>

export type SmsOutcome =
  | { outcome: 'sent' }
  | { outcome: 'refused'; reason: string }
  /** The gateway was not reached at all: may be sent again. */
  | { outcome: 'retry'; reason: string }
  /** It may have gone out: never sent again. */
  | { outcome: 'ambiguous'; reason: string }

export interface SmsChannel {
  /** `phone` in E.164. */
  send(message: { phone: string; text: string }, signal?: AbortSignal): Promise<SmsOutcome>
  state(): 'ok' | 'down'
  close(): Promise<void>
}
