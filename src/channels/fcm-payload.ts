import type { PushMessage } from './types.ts'

/** FCM's longest time to live: four weeks. */
const LONGEST_TTL_S = 2_419_200

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
        notification: { title, body },
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
