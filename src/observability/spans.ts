import { randomBytes } from 'node:crypto'
import {
  type Span as ApiSpan,
  type AttributeValue,
  ROOT_CONTEXT,
  type SpanContext,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { Attributes, Span, SpanKind, Tracing } from './traces.ts'

/** SpanKind of the API. */
const KINDS: Record<SpanKind, number> = { server: 1, client: 2, producer: 3, consumer: 4 }

/** https://www.w3.org/TR/trace-context/#traceparent-header; a later version may have more behind. */
const TRACE_PARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:-.*)?$/

/**
 * Spans of an OpenTelemetry tracer as the rest of the program knows them. Loaded with traces alone. With `keepsRoot`, what
 * has no parent is kept as that says and all else as its parent was, and only what is kept costs OpenTelemetry anything;
 * without it the tracer's own sampler decides.
 */
export const tracingOf = (tracer: Tracer, keepsRoot?: () => boolean): Tracing => ({
  start(name, kind, parent) {
    const context = parent === undefined ? undefined : spanContextOf(parent)
    if (keepsRoot && !(context ? isSampled(context) : keepsRoot())) {
      return new PassingSpan(context ? parent : undefined)
    }
    return new OpenSpan(
      tracer.startSpan(
        name,
        { kind: KINDS[kind] },
        context ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT,
      ),
    )
  },
})

const isSampled = ({ traceFlags }: SpanContext): boolean => (traceFlags & TraceFlags.SAMPLED) !== 0

/** Work that no trace shows: it only hands that on, below who began it. */
class PassingSpan implements Span {
  calls = 0
  readonly isKept = false
  #traceParent: string | undefined

  constructor(parent: string | undefined) {
    this.#traceParent = parent
  }

  get traceId(): string {
    return this.traceParent.slice(3, 35)
  }

  get traceParent(): string {
    this.#traceParent ??= `00-${hex(32)}-${hex(16)}-00`
    return this.#traceParent
  }

  rename(): void {
    // Nobody will see it.
  }
  set(): void {
    // As little.
  }
  fail(): void {
    // As little.
  }
  end(): void {
    // As little.
  }
}

const hex = (digits: number): string => randomBytes(digits / 2).toString('hex')

function spanContextOf(traceParent: string): SpanContext | undefined {
  const [, traceId, spanId, flags = ''] = TRACE_PARENT.exec(traceParent) ?? []
  if (!traceId || !spanId) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true }
}

class OpenSpan implements Span {
  calls = 0
  readonly isKept: boolean
  readonly #span: ApiSpan

  constructor(span: ApiSpan) {
    this.#span = span
    this.isKept = isSampled(span.spanContext())
  }

  get traceId(): string {
    return this.#span.spanContext().traceId
  }

  get traceParent(): string {
    const { traceId, spanId } = this.#span.spanContext()
    return `00-${traceId}-${spanId}-${this.isKept ? '01' : '00'}`
  }

  rename(name: string): void {
    this.#span.updateName(name)
  }

  set(attributes: Attributes): void {
    this.#span.setAttributes(attributes as Record<string, AttributeValue>)
  }

  fail(error: unknown): void {
    this.#span.setStatus({ code: SpanStatusCode.ERROR })
    this.#span.setAttribute('error.type', kindOf(error))
  }

  end(): void {
    if (!this.isKept) return
    if (this.calls > 0) this.#span.setAttribute('samaconso.calls', this.calls)
    this.#span.end()
  }
}

function kindOf(error: unknown): string {
  if (typeof error === 'string') return error
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown }
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown'
}
