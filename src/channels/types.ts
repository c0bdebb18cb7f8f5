/** What happened to one push on one device; the words of the delivery engine (docs/notifications.md). */
export type PushOutcome =
  | { outcome: 'sent' }
  /** The token is dead: drop it. */
  | { outcome: 'unregistered' }
  /** Final, with its reason. `dropToken` when the token itself is at fault; `stop` when the fault is ours and would hit every device. */
  | { outcome: 'refused'; reason: string; dropToken: boolean; stop: boolean }
  /** Try later: the step to wait at least, in ms. `ambiguous` when the push may have arrived. */
  | { outcome: 'retry'; reason: string; afterMs: number; ambiguous: boolean }

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
  state(): 'ok' | 'down'
  close(): Promise<void>
}

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
