import type { AsyncMessage, Envelope, SyncMessage } from 'rabbitmq-client'
import type { Message, ParkedMessage, Queue } from '../types.ts'

/*
 * A message on the wire:
 *   body          the payload as JSON, content type application/json
 *   message-id    id, the same for all attempts
 *   type          name of the task
 *   timestamp     when it was published, in seconds
 *   expiration    how long it waits, in ms, where it waits
 *   headers       attempt (from 1), requestId, at (ms), publishedAt (ms), replayOf, traceparent (W3C Trace Context),
 *                 each absent without one; parked by us: parkedBecause, parkedAt (ms)
 * Its queue is where it lies. What RabbitMQ parked itself has the reason in x-death.
 */

export interface Encoded {
  envelope: Envelope
  body: Buffer
}

export function encode(
  message: Message,
  to: { queue: string; expiration?: string },
  more?: Record<string, unknown>,
): Encoded {
  return {
    envelope: {
      routingKey: to.queue,
      ...(to.expiration === undefined ? {} : { expiration: to.expiration }),
      durable: true,
      // What no queue takes comes back instead of vanishing.
      mandatory: true,
      contentType: 'application/json',
      messageId: message.id,
      type: message.task,
      headers: {
        attempt: message.attempt,
        ...(message.requestId === null ? {} : { requestId: message.requestId }),
        ...(message.at === undefined ? {} : { at: message.at }),
        ...(message.publishedAt === undefined ? {} : { publishedAt: message.publishedAt }),
        ...(message.replayOf === undefined ? {} : { replayOf: message.replayOf }),
        ...(message.traceParent === undefined ? {} : { traceparent: message.traceParent }),
        ...more,
      },
    },
    body: Buffer.from(JSON.stringify(message.payload ?? null)),
  }
}

/** What is not of our making is read as far as it goes: the worker then parks it as an unknown task. */
export function decode(received: AsyncMessage | SyncMessage, queue: Queue): Message {
  const { attempt, requestId, at, publishedAt, replayOf, traceparent } = received.headers ?? {}
  return {
    id: received.messageId ?? '',
    task: received.type ?? '',
    queue,
    payload: Buffer.isBuffer(received.body) ? received.body.toString() : received.body,
    attempt: typeof attempt === 'number' ? attempt : 1,
    requestId: typeof requestId === 'string' ? requestId : null,
    ...(typeof at === 'number' ? { at } : {}),
    ...(typeof publishedAt === 'number' ? { publishedAt } : {}),
    ...(typeof replayOf === 'string' ? { replayOf } : {}),
    ...(typeof traceparent === 'string' ? { traceParent: traceparent } : {}),
  }
}

export const parkedHeaders = (reason: string, at: number) => ({ parkedBecause: reason, parkedAt: at })

export function decodeParked(received: SyncMessage, queue: Queue): ParkedMessage {
  const { parkedBecause, parkedAt, 'x-death': deaths } = received.headers ?? {}
  // The latest is the first: a message that had waited also tells that it expired.
  const death = Array.isArray(deaths) ? deaths[0] : undefined
  return {
    message: decode(received, queue),
    reason: String(parkedBecause ?? death?.reason ?? 'unknown'),
    at: Number(parkedAt ?? Number(death?.time ?? received.timestamp ?? 0) * 1_000),
  }
}

/** How often it came back already. */
export function redeliveries(received: AsyncMessage): number {
  const count = received.headers?.['x-delivery-count']
  return typeof count === 'number' ? count : 0
}
