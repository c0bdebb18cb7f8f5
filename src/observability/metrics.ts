import { collectDefaultMetrics, register } from 'prom-client'

collectDefaultMetrics()

/** What Prometheus reads of this process. */
export async function renderMetrics(): Promise<{ type: string; text: string }> {
  return { type: register.contentType, text: await register.metrics() }
}
