import type { PushMessage } from './types.ts'

/** FCM's longest time to live: four weeks. */
const LONGEST_TTL_S = 2_419_200
/** FCM refuses messages of over 4,096 bytes; the whole text is in the inbox. */
const LONGEST_TITLE = 400
const LONGEST_BODY = 2_000

/**
 * The body of `messages:send`. The notification's id goes where each platform replaces what it shows already:
 * Android's tag, Apple's collapse id, the web's tag; never Android's `collapse_key`, which is not for this.
 */
export function fcmPayload(message: PushMessage, now: number): Buffer {
  const { notificationId, title, body, expiresAt } = message
  const urgent = message.priority === 'urgent' || message.priority === 'high'
  const ttl = Math.min(LONGEST_TTL_S, Math.max(0, Math.floor((expiresAt - now) / 1000)))
  return Buffer.from(
    JSON.stringify({
      message: {
        token: message.token,
        notification: { title: shorten(title, LONGEST_TITLE), body: shorten(body, LONGEST_BODY) },
        data: { ...message.data, notificationId, type: message.type },
        android: {
          priority: urgent ? 'HIGH' : 'NORMAL',
          ttl: `${ttl}s`,
          notification: { tag: notificationId },
        },
        apns: {
          headers: {
            'apns-collapse-id': notificationId,
            'apns-expiration': String(Math.floor(expiresAt / 1000)),
            'apns-priority': urgent ? '10' : '5',
          },
        },
        webpush: {
          headers: { TTL: String(ttl), Urgency: urgent ? 'high' : 'normal' },
          notification: { tag: notificationId },
        },
      },
    }),
  )
}

/** A text of at most so many bytes of UTF-8; one that is cut ends with an ellipsis, and never in the middle of a character. */
function shorten(text: string, most: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= most) return text
  return `${new TextDecoder().decode(bytes.subarray(0, most - 3), { stream: true })}…`
}
