export { type Log, openLog } from './log.ts'
export { renderMetrics } from './metrics.ts'
