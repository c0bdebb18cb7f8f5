export { inProcessCache, inProcessFanout, inProcessLimiter } from './in-process.ts'
export { Lru } from './lru.ts'
export type { Allowance, Cache, Fanout, Limiter } from './types.ts'
