import { collectDefaultMetrics, register } from 'prom-client'

collectDefaultMetrics()

/** Told that somebody reads the metrics: the moment to look at what is only looked at then. Must not wait. */
type Look = () => void
const looks = new Set<Look>()

/** Runs `look` each time that the metrics are read; returns the function that ends it. */
export function onScrape(look: Look): () => void {
  looks.add(look)
  return () => void looks.delete(look)
}

/** What this process tells beside its own metrics, of what it watches, in Prometheus's format. */
const others = new Set<() => Promise<string>>()

/** Has `tell` write more whenever the metrics are read; returns the function that ends it. */
export function alsoTold(tell: () => Promise<string>): () => void {
  others.add(tell)
  return () => void others.delete(tell)
}

/** What Prometheus reads of this process. */
export async function renderMetrics(): Promise<{ type: string; text: string }> {
  for (const look of looks) look()
  const texts = await Promise.all([register.metrics(), ...[...others].map(tell => tell())])
  return { type: register.contentType, text: texts.join('\n') }
}
