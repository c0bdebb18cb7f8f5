import { isTracing, type Span, startSpan } from '../observability/index.ts'
import { type Broker, type Message, type Outgoing, PublishError } from './types.ts'

/** Publishes as the broker does; each message whose trace is kept gets a span, and goes on below that. */
export async function publishTraced(broker: Broker, messages: readonly Outgoing[]): Promise<void> {
  if (!isTracing()) return broker.publish(messages)
  const spans = new Map<string, Span>()
  const traced = messages.map(message => {
    const span = spanOf(message)
    if (!span) return message
    spans.set(message.id, span)
    return { ...message, traceParent: span.traceParent }
  })
  try {
    await broker.publish(traced)
  } catch (error) {
    const isTaken = (id: string) => error instanceof PublishError && error.taken.has(id)
    for (const [id, span] of spans) if (!isTaken(id)) span.fail(error)
    throw error
  } finally {
    for (const span of spans.values()) span.end()
  }
}

function spanOf({ id, task, queue, requestId, traceParent }: Outgoing): Span | undefined {
  // What an outbox row has was written by us: kept ends so.
  if (!traceParent?.endsWith('-01')) return undefined
  const span = startSpan(`publish ${task}`, 'producer', traceParent)
  span?.set({
    'messaging.destination.name': queue,
    'messaging.message.id': id,
    ...(requestId === null ? {} : { 'samaconso.request.id': requestId }),
  })
  return span
}

/** Below whoever published it; of its own when nobody asked for it, as what a sweep found. */
export function startTask({ id, task, queue, attempt, requestId, traceParent }: Message): Span | undefined {
  const span = startSpan(`task ${task}`, 'consumer', traceParent)
  span?.set({
    'messaging.destination.name': queue,
    'messaging.message.id': id,
    'samaconso.task.attempt': attempt,
    ...(requestId === null ? {} : { 'samaconso.request.id': requestId }),
  })
  return span
}
