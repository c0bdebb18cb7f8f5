export { metrics, timed } from './instruments.ts'
export { type Log, type OpenLog, openLog } from './log.ts'
export { alsoTold, onScrape, renderMetrics } from './metrics.ts'
export type { Series } from './times.ts'
export {
  currentTraceParent,
  inSpan,
  isTracing,
  type Span,
  startSpan,
} from './traces.ts'
