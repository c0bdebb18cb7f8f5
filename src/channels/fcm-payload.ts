import type { PushMessage } from './types.ts'

/** FCM's longest time to live: four weeks. */
const LONGEST_TTL_S = 2_419_200
/** FCM refuses messages of over 4,096 bytes; the whole text is in the inbox. */
const LARGEST_PAYLOAD = 4_096
/** Kept free for the device's token. */
const TOKEN_BYTES = 300
const LONGEST_TITLE = 400
const LONGEST_BODY = 2_000
const SHORTEST_BODY = 100

/** Everything but the token, as bytes: what a message sent to many devices shares. */
interface Template {
  message: Omit<PushMessage, 'token'>
  ttl: number
  head: Buffer
  tail: Buffer
}

/** Messages differ in language at most while one broadcast is sent; a few go side by side. */
const MOST_TEMPLATES = 16
const PLAIN_TOKEN = /^[\w:.~-]+$/

/**
 * Makes bodies of `messages:send`. `androidData`: Android gets data messages, for an app that displays each id once,
 * instead of notifications that the system displays.
 */
export function createPayloads(androidData: boolean): (message: PushMessage, now: number) => Buffer {
  let templates: Template[] = []

  function templateOf(message: PushMessage, now: number): Template {
    const ttl = ttlOf(message, now)
    const known = templates.find(template => template.ttl === ttl && isSame(template.message, message))
    if (known) return known
    const made = makeTemplate(message, ttl, androidData)
    templates = [made, ...templates.slice(0, MOST_TEMPLATES - 1)]
    return made
  }

  return (message, now) => {
    const { head, tail } = templateOf(message, now)
    const { token } = message
    if (!PLAIN_TOKEN.test(token)) return Buffer.concat([head, Buffer.from(JSON.stringify(token)), tail])
    const payload = Buffer.allocUnsafe(head.length + token.length + 2 + tail.length)
    let at = head.copy(payload)
    payload[at++] = 0x22
    at += payload.write(token, at, 'latin1')
    payload[at++] = 0x22
    tail.copy(payload, at)
    return payload
  }
}

function isSame(one: Omit<PushMessage, 'token'>, other: PushMessage): boolean {
  return (
    one.notificationId === other.notificationId &&
    one.body === other.body &&
    one.title === other.title &&
    one.data === other.data &&
    one.expiresAt === other.expiresAt &&
    one.priority === other.priority &&
    one.type === other.type
  )
}

const ttlOf = ({ expiresAt }: PushMessage, now: number): number =>
  Math.min(LONGEST_TTL_S, Math.max(0, Math.floor((expiresAt - now) / 1000)))

function makeTemplate(message: PushMessage, ttl: number, androidData: boolean): Template {
  const { token: _, ...shared } = message
  const title = shorten(message.title, LONGEST_TITLE)
  let longest = LONGEST_BODY
  for (;;) {
    const fields = fieldsOf({ ...shared, title, body: shorten(message.body, longest) }, ttl, androidData)
    const tail = Buffer.from(`,${JSON.stringify(fields).slice(1)}}`)
    // Characters that JSON escapes take more than their own bytes; data of the caller's own are FCM's to judge.
    const excess = tail.length + TOKEN_BYTES - LARGEST_PAYLOAD
    if (excess <= 0 || longest === SHORTEST_BODY) {
      return { message: shared, ttl, head: Buffer.from('{"message":{"token":'), tail }
    }
    longest = Math.max(SHORTEST_BODY, longest - Math.max(50, Math.ceil(excess / (androidData ? 6 : 2))))
  }
}

/**
 * The notification's id goes where each platform replaces what it shows already: Android's tag, Apple's collapse id,
 * the web's tag; never Android's `collapse_key`, which is not for this.
 */
function fieldsOf(message: Omit<PushMessage, 'token'>, ttl: number, androidData: boolean): object {
  const { notificationId, title, body, expiresAt } = message
  const urgent = message.priority === 'urgent' || message.priority === 'high'
  const data = { ...message.data, notificationId, type: message.type }
  const android = { priority: urgent ? 'HIGH' : 'NORMAL', ttl: `${ttl}s` }
  const apns = {
    headers: {
      'apns-collapse-id': notificationId,
      'apns-expiration': String(Math.floor(expiresAt / 1000)),
      'apns-priority': urgent ? '10' : '5',
    },
  }
  const webHeaders = { TTL: String(ttl), Urgency: urgent ? 'high' : 'normal' }
  if (!androidData) {
    return {
      notification: { title, body },
      data,
      android: { ...android, notification: { tag: notificationId } },
      apns,
      webpush: { headers: webHeaders, notification: { tag: notificationId } },
    }
  }
  // A `notification` for everybody would be Android's too: each of the others gets its own.
  return {
    data,
    android: { ...android, data: { ...data, title, body } },
    apns: { ...apns, payload: { aps: { alert: { title, body } } } },
    webpush: { headers: webHeaders, notification: { title, body, tag: notificationId } },
  }
}

/** A text of at most so many bytes of UTF-8; one that is cut ends with an ellipsis, and never in the middle of a character. */
function shorten(text: string, most: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= most) return text
  return `${new TextDecoder().decode(bytes.subarray(0, most - 3), { stream: true })}…`
}
