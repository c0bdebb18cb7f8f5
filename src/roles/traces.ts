import type { Config } from '../config.ts'
import type { Log } from '../observability/index.ts'

/** Traces as configured. Nothing is loaded when they are off. Returns how to end them. */
export async function startTraces(config: Config, version: string, log: Log): Promise<() => Promise<void>> {
  const { otelDisabled, otelEndpoint, otelTracesEndpoint } = config
  const url = otelTracesEndpoint || (otelEndpoint && `${otelEndpoint.replace(/\/$/, '')}/v1/traces`)
  if (!url || otelDisabled === 'true') return async () => undefined
  const { openTraces } = await import('../observability/open-traces.ts')
  return openTraces({
    url,
    serviceName: config.otelServiceName,
    instance: config.instance,
    version,
    sampler: config.otelSampler,
    ratio: config.otelSamplerArg,
    log,
  })
}
