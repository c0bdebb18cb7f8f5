import { AsyncLocalStorage } from 'node:async_hooks'

/*
 * What the rest of the program knows of traces. They are off unless `openTraces` was called (open-traces.ts, which alone
 * loads OpenTelemetry), and cost nothing then. Names and attributes of spans have ids, routes, tasks, queues and outcomes:
 * never a phone, a name, an address asked for, a token, a text, or the message of an error.
 */

export type SpanKind = 'server' | 'client' | 'producer' | 'consumer'
export type Attributes = Record<string, string | number>

/** A piece of work that a trace shows, while it is under way. */
export interface Span {
  /** As W3C Trace Context writes it: what whoever goes on with this work elsewhere is given. */
  readonly traceParent: string
  readonly traceId: string
  /** Whether it is sampled. One that is not only hands on that decision. */
  readonly isKept: boolean
  /** Calls below it so far: see MOST_CALLS. */
  calls: number
  rename(name: string): void
  set(attributes: Attributes): void
  /** It did not go well: of an error only its kind is told. */
  fail(error: unknown): void
  end(): void
}

/** Starts spans; `parent` as W3C Trace Context writes it. What cannot be read is as none. */
export interface Tracing {
  start(name: string, kind: SpanKind, parent: string | undefined): Span
}

/**
 * Calls that are shown below one span: a chunk of a broadcast has 500 pushes, and what its first ones took says enough.
 * How many there were in all is told by the span.
 */
const MOST_CALLS = 20

const current = new AsyncLocalStorage<Span>()
let tracing: Tracing | undefined

/** From now on spans are started by `given`; undefined turns them off. Gives what started them before. */
export function setTracing(given: Tracing | undefined): Tracing | undefined {
  const before = tracing
  tracing = given
  return before
}

export const isTracing = (): boolean => tracing !== undefined

/** Starts a span below `parent`, or a trace of its own; undefined while traces are off. */
export const startSpan = (name: string, kind: SpanKind, parent: string | undefined): Span | undefined =>
  tracing?.start(name, kind, parent)

/** Does the work inside the span: what it calls, logs and enqueues belongs to that. It does not end the span. */
export const inSpan = <T>(span: Span | undefined, work: () => T): T =>
  span ? current.run(span, work) : work()

/** Starts a span for a call of the work under way; undefined when nobody would see it. */
export function startCall(name: string): Span | undefined {
  const parent = current.getStore()
  if (!parent?.isKept || ++parent.calls > MOST_CALLS) return undefined
  return startSpan(name, 'client', parent.traceParent)
}

/** What a message that the work under way causes carries; undefined outside of traces. */
export const currentTraceParent = (): string | undefined => current.getStore()?.traceParent

/** The trace under way, when it is one that can be looked up. */
export function currentTraceId(): string | undefined {
  const span = current.getStore()
  return span?.isKept ? span.traceId : undefined
}
