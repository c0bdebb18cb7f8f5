import type { Clock } from '../lib/clock.ts'
import { checkBucket, inProcessBucket } from './in-process-bucket.ts'
import type { RedisLink } from './redis.ts'
import type { Bucket, BucketSize } from './types.ts'

/** The arithmetic of `inProcessBucket`, by Redis's clock unless a time is given. A bucket nobody knows is full. */
const TAKE = `
local perMs, size, left, wanted = tonumber(ARGV[1]) / 1000, tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = tonumber(ARGV[5])
if now == nil then
  local time = redis.call('TIME')
  now = time[1] * 1000 + time[2] / 1000
end
local kept = redis.call('HMGET', KEYS[1], 't', 'at')
local tokens = size
if kept[1] then
  tokens = math.min(size, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * perMs)
end
local granted = math.max(0, math.min(wanted, math.floor(tokens - left)))
tokens = tokens - granted
redis.call('HSET', KEYS[1], 't', tokens, 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(size / perMs) + 60000)
if granted >= wanted then return {granted, 0} end
local rest = math.min(wanted - granted, math.max(1, math.floor(size - left)))
return {granted, math.ceil((left + rest - tokens) / perMs)}
`

export interface RedisBucketOptions extends BucketSize {
  /** Which bucket it is, among all processes. */
  name: string
  /** The share of it, 0 to 1, that this process goes on with by itself while Redis is away. */
  awayShare: number
  /** Measures while Redis is away. */
  clock: Clock
  /** Measures always, instead of Redis's own clock: for one process alone. */
  isClockOurs?: boolean
}

/** A bucket that all processes share: one round trip each time. Throws a `RangeError` when its size makes no sense. */
export function redisBucket(link: RedisLink, options: RedisBucketOptions): Bucket {
  const { name, perSecond, size, reserve, awayShare, clock, isClockOurs = false } = options
  checkBucket(options)
  if (!(awayShare > 0 && awayShare <= 1)) throw new RangeError(`a share of ${awayShare} while Redis is away`)
  const run = link.script(TAKE)
  const own = inProcessBucket(clock, {
    perSecond: perSecond * awayShare,
    reserve: reserve * awayShare,
    size: reserve * awayShare + Math.max(1, (size - reserve) * awayShare),
  })

  return {
    async take(wanted, urgent) {
      if (!link.isUp()) return own.take(wanted, urgent)
      try {
        const now = isClockOurs ? clock.now() : ''
        const args = [perSecond, size, urgent ? 0 : reserve, wanted, now]
        const [granted, waitMs] = (await run([`sc:b:${name}`], args)) as [number, number]
        return { granted, waitMs }
      } catch {
        // The link tells of the trouble. What was perhaps granted is not taken twice: less is sent, never more.
        return own.take(wanted, urgent)
      }
    },
  }
}
