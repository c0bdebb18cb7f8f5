import type { Clock } from '../lib/clock.ts'
import { inProcessLimiter } from './in-process-limiter.ts'
import type { RedisLink } from './redis.ts'
import type { Allowance, Limiter } from './types.ts'

/** The arithmetic of `inProcessLimiter`, by Redis's clock unless a time is given. Kept longer than two windows. */
const TAKE = `
local limit, length, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if now == nil then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local window = math.floor(now / length)
local kept = redis.call('HMGET', KEYS[1], 'w', 'c', 'b')
local count, before = 0, 0
if tonumber(kept[1]) == window then
  count, before = tonumber(kept[2]), tonumber(kept[3])
elseif tonumber(kept[1]) == window - 1 then
  before = tonumber(kept[2])
end
local elapsed = (now % length) / length
local used = count + before * (1 - elapsed)
if used + 1 > limit then
  local room, share = limit - 1 - count, 0
  if room >= 0 and before > 0 then
    share = 1 - room / before - elapsed
  else
    share = 1 - elapsed + math.max(0, 1 - (limit - 1) / count)
  end
  return {0, 0, math.max(1, math.ceil(share * length))}
end
redis.call('HSET', KEYS[1], 'w', window, 'c', count + 1, 'b', before)
redis.call('PEXPIRE', KEYS[1], 2 * length + 60000)
return {1, math.floor(limit - used - 1), 0}
`

export interface RedisLimiterOptions {
  /** Measures the windows while Redis is away. */
  clock: Clock
  /** Measures them always, instead of Redis's own clock: for one process alone. */
  isClockOurs?: boolean
}

/**
 * Allowances that all processes share: one round trip each. While Redis is away, each process allows half the numbers
 * by itself, at least one.
 */
export function redisLimiter(link: RedisLink, { clock, isClockOurs = false }: RedisLimiterOptions): Limiter {
  const run = link.script(TAKE)
  const own = inProcessLimiter(clock)
  const alone = (key: string, limit: number, windowMs: number) =>
    own.take(key, Math.max(1, Math.floor(limit / 2)), windowMs)

  return {
    take(key, limit, windowMs) {
      if (!link.isUp()) return alone(key, limit, windowMs)
      return run([`sc:l:${key}`], [limit, windowMs, isClockOurs ? clock.now() : '']).then(
        (answer): Allowance => {
          const [ok, remaining, retryAfterMs] = answer as [number, number, number]
          return { ok: ok === 1, remaining, retryAfterMs }
        },
        // The link tells of the trouble.
        () => alone(key, limit, windowMs),
      )
    },
    async forget(key) {
      await own.forget(key)
      try {
        await link.run(redis => redis.unlink(`sc:l:${key}`))
      } catch {
        // What was counted stays counted until its windows are over: strict, and nothing is lost.
      }
    },
  }
}
