import {
  type Bucket,
  type BucketSize,
  type Cache,
  type Fanout,
  inProcessBucket,
  inProcessCache,
  inProcessFanout,
  inProcessLimiter,
  inProcessShelf,
  type Limiter,
  openRedis,
  redisBucket,
  redisCache,
  redisFanout,
  redisLimiter,
  redisShelf,
  type Shelf,
} from '../cache/index.ts'
import type { Config } from '../config.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../observability/index.ts'

/** What processes share and nobody misses for long: Redis in production, this process alone in the embedded mode. */
export interface Memory {
  cache: Cache
  fanout: Fanout
  limiter: Limiter
  shelf: Shelf
  /** Leave to send pushes, as the Firebase project has it. */
  pushQuota: Bucket
  close(): Promise<void>
}

/** While Redis is away each of two workers sends half of what the project may. */
const AWAY_SHARE = 0.5

/** Opens Redis where it is configured. Nothing is waited for: it may come later. */
export function openMemory(config: Config, log: Log, clock: Clock): Memory {
  const onListener = (error: unknown) => log.error({ event: 'fanout_listener_failed', error })
  const quota = quotaOf(config)
  if (!config.redisUrl) {
    const cache = inProcessCache(clock)
    return {
      cache,
      fanout: inProcessFanout(onListener),
      limiter: inProcessLimiter(clock),
      shelf: inProcessShelf(clock),
      pushQuota: inProcessBucket(clock, quota),
      close: cache.close,
    }
  }
  const link = openRedis({
    url: config.redisUrl,
    caFile: config.redisCaFile || undefined,
    name: config.instance,
    onTrouble: error => log.warn({ event: 'redis_troubled', error }),
  })
  return {
    cache: redisCache(link),
    fanout: redisFanout(link, onListener),
    limiter: redisLimiter(link, { clock }),
    shelf: redisShelf(link),
    pushQuota: redisBucket(link, { ...quota, name: 'fcm', awayShare: AWAY_SHARE, clock }),
    close: link.close,
  }
}

/** A second's worth in one go; a tenth of it is for what is urgent. */
function quotaOf({ fcmQuotaPerMinute }: Config): BucketSize {
  const perSecond = fcmQuotaPerMinute / 60
  return { perSecond, size: Math.max(2, perSecond), reserve: Math.max(1, perSecond / 10) }
}
