import { Counter } from 'prom-client'
import type { Language } from '../caller.ts'
import type { FillIn, Words } from './protocol.ts'

/** Who hears a message: in which language, and how words with variables are for them. */
export interface Listener {
  readonly language: Language
  readonly fillIn: FillIn | undefined
}

/** A message on its way to many sockets: written once per language, however many hear it, unless it names each of them. */
export interface Frame {
  /** Of the notification that it is about, if any. */
  id: string | null
  /** The bytes for the wire: a WebSocket's frame, which is the same for all who hear the same words. */
  for(listener: Listener): Buffer
  /** Who has had it: kept for what comes by several topics. */
  told?: WeakSet<object>
}

const written = new Counter({
  name: 'samaconso_realtime_messages_written_total',
  help: 'Messages to sockets that were put into words: one counts once per language, however many sockets hear it.',
})

function write(message: unknown): Buffer {
  written.inc()
  return textFrame(Buffer.from(JSON.stringify(message)))
}

/** Whole, final and text; a server's frames have no mask (RFC 6455, 5.2). */
const WHOLE_TEXT = 0x81
const LENGTH_16 = 126
const LENGTH_64 = 127
const MOST_16 = 0xffff

/** A text as one frame of a WebSocket that compresses nothing. */
export function textFrame(text: Buffer): Buffer {
  const { length } = text
  if (length < LENGTH_16) return Buffer.concat([Buffer.from([WHOLE_TEXT, length]), text])
  const isLong = length > MOST_16
  const head = Buffer.alloc(isLong ? 10 : 4)
  head[0] = WHOLE_TEXT
  head[1] = isLong ? LENGTH_64 : LENGTH_16
  if (isLong) head.writeBigUInt64BE(BigInt(length), 2)
  else head.writeUInt16BE(length, 2)
  return Buffer.concat([head, text])
}

/** The same for everybody. */
export function plainFrame(message: unknown, id: string | null = null): Frame {
  const bytes = write(message)
  return { id, for: () => bytes }
}

interface Broadcast {
  id: string
  notificationType: string
  content: { fr: Words } & Partial<Record<Language, Words>>
  createdAt: string
}

/** How a variable starts in a text to many. */
const VARIABLE = '{{'

function broadcastFrame({ id, notificationType, content, createdAt }: Broadcast): Frame {
  const written = new Map<Language, Buffer>()
  const say = ({ title, body }: Words): Buffer =>
    write({
      type: 'notification',
      notification: { id, type: notificationType, title, body, createdAt, read: false, broadcast: true },
    })
  return {
    id,
    told: new WeakSet(),
    for({ language, fillIn }) {
      const words = content[language] ?? content.fr
      if (fillIn && (words.title + words.body).includes(VARIABLE)) return say(fillIn(words))
      const bytes = written.get(language) ?? say(words)
      written.set(language, bytes)
      return bytes
    },
  }
}

/** Broadcasts remembered, so that one which comes by several topics is written once and heard once. */
const REMEMBERED = 64

/**
 * Turns fan-out messages into frames; null for what is not for clients. Other processes may be newer than this one, so
 * what it does not know is left alone.
 */
export function frameMaker(): (message: { type: string }) => Frame | null {
  const broadcasts = new Map<string, Frame>()
  return message => {
    switch (message.type) {
      case 'notification':
        return plainFrame(message, (message as { notification?: { id?: string } }).notification?.id ?? null)
      case 'unread-count':
      case 'broadcast-progress':
        return plainFrame(message)
      case 'broadcast': {
        const broadcast = message as unknown as Broadcast
        let frame = broadcasts.get(broadcast.id)
        if (!frame) {
          frame = broadcastFrame(broadcast)
          broadcasts.set(broadcast.id, frame)
          for (const [oldest] of broadcasts) {
            if (broadcasts.size <= REMEMBERED) break
            broadcasts.delete(oldest)
          }
        }
        return frame
      }
      default:
        return null
    }
  }
}
