import type { SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace'
import { endsWithin } from '../lib/ends-within.ts'
import { metrics } from './instruments.ts'
import type { Log } from './log.ts'
import type { SamplerName } from './samplers.ts'
import { setTracing } from './traces.ts'

export interface TracesOptions {
  /** Where OTLP is taken over HTTP, with its path (`…/v1/traces`). */
  url: string
  serviceName: string
  instance: string
  version: string
  sampler: SamplerName
  /** Share of traces that samplers by ratio keep. */
  ratio: number
  log: Pick<Log, 'warn' | 'info'>
}

/** Spans that wait to be exported or are on their way; more are dropped and counted. */
const MOST_HELD = 2_048
const BATCH = 512
const EVERY_MS = 2_000
/** ms that the collector may take for a batch, tries again included. */
const EXPORT_MS = 10_000
/** ms that spans which wait may hold up the end of the process. */
const FLUSH_MS = 2_000

/**
 * Turns traces on, and returns how to end them: what waits is exported then, for two seconds at most. OpenTelemetry is
 * loaded here and nowhere else. A collector that is away costs the spans, which are counted, and one line of the log.
 */
export async function openTraces(options: TracesOptions): Promise<() => Promise<void>> {
  const [sdk, { OTLPTraceExporter }, resources, { tracingOf }] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('./spans.ts'),
  ])
  const root = options.sampler.replace('parentbased_', '') as 'always_on' | 'always_off' | 'traceidratio'
  const ratio = { always_on: 1, always_off: 0, traceidratio: options.ratio }[root]
  const keepsRoot = root === options.sampler ? undefined : () => Math.random() < ratio
  const held = { spans: 0 }
  const exporter = counted(
    new OTLPTraceExporter({ url: options.url, timeoutMillis: EXPORT_MS, concurrencyLimit: 4 }),
    held,
    options.log,
  )
  const batches = new sdk.BatchSpanProcessor({
    exporter,
    maxQueueSize: MOST_HELD,
    maxExportBatchSize: BATCH,
    scheduledDelayMillis: EVERY_MS,
    exportTimeoutMillis: EXPORT_MS + 1_000,
  })
  const provider = new sdk.TracerProvider({
    resource: resources.detectResources({ detectors: [resources.resourceAttributesEnvDetector] }).merge(
      resources.resourceFromAttributes({
        'service.name': options.serviceName,
        'service.version': options.version,
        'service.instance.id': options.instance,
      }),
    ),
    sampler: keepsRoot ? new sdk.AlwaysOnSampler() : new sdk.TraceIdRatioBasedSampler(ratio),
    spanProcessors: [bounded(batches, held)],
  })
  setTracing(tracingOf(provider.getTracer('samaconso', options.version), keepsRoot))
  return async () => {
    setTracing(undefined)
    await endsWithin(
      provider.shutdown().catch(() => undefined),
      FLUSH_MS,
    )
    metrics.spans.inc({ outcome: 'dropped' }, held.spans)
    held.spans = 0
  }
}

/** Hands over what is within the bound. */
const bounded = (inner: SpanProcessor, held: { spans: number }): SpanProcessor => ({
  onStart: () => undefined,
  onEnd(span) {
    if (held.spans >= MOST_HELD) {
      metrics.spans.inc({ outcome: 'dropped' })
      return
    }
    held.spans++
    inner.onEnd(span)
  },
  forceFlush: () => inner.forceFlush(),
  shutdown: () => inner.shutdown(),
})

/** The same exporter, counted; it says once that the collector is away, and once that it is back. */
function counted(inner: SpanExporter, held: { spans: number }, log: TracesOptions['log']): SpanExporter {
  let isAway = false
  return {
    export(spans, done) {
      inner.export(spans, result => {
        // ExportResultCode.SUCCESS
        const isExported = result.code === 0
        // None after the end: they were counted then.
        const count = Math.min(spans.length, held.spans)
        held.spans -= count
        metrics.spans.inc({ outcome: isExported ? 'exported' : 'dropped' }, count)
        if (isExported === isAway) {
          isAway = !isExported
          if (isAway) log.warn({ event: 'traces_not_exported', error: result.error })
          else log.info({ event: 'traces_exported_again' })
        }
        done(result)
      })
    },
    shutdown: () => inner.shutdown(),
  }
}
