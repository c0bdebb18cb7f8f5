import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../lib/clock.ts'
import { type RedisLink, redisLimiter } from './index.ts'
import { promisesOfLimiter } from './limiter.contract.ts'
import { type RedisForTests, redisForTests } from './redis-server.contract.ts'

let redis: RedisForTests
let link: RedisLink
let shared: RedisLink
beforeAll(async () => {
  redis = await redisForTests()
  link = await redis.link()
  shared = await redis.shared()
})
afterAll(async () => {
  await Promise.all([link.close(), shared.close()])
  await redis.stop()
})

const DAY = 86_400_000

promisesOfLimiter(
  'an allowance that processes share',
  clock => redisLimiter(shared, { clock, isClockOurs: true }),
  20,
)

it('is one allowance for all processes, by the clock of Redis', async () => {
  const other = await redis.link()
  const limiters = [
    redisLimiter(link, { clock: { now: () => 0 } }),
    redisLimiter(other, { clock: { now: () => 10 * DAY } }),
  ]
  const key = randomUUID()
  const taken = await Promise.all(
    Array.from({ length: 100 }, (_, at) => limiters[at % 2]?.take(key, 50, DAY)),
  )
  expect(taken.filter(each => each?.ok)).toHaveLength(50)
  await limiters[0]?.forget(key)
  expect(await limiters[1]?.take(key, 50, DAY)).toEqual({ ok: true, remaining: 49, retryAfterMs: 0 })
  await other.close()
})

it('while Redis is away each process allows half by itself, within the bound, and then shares again', async () => {
  const limiter = redisLimiter(link, { clock: systemClock })
  const key = randomUUID()
  const allowed = async () => {
    let count = 0
    while ((await limiter.take(key, 10, DAY)).ok) count++
    return count
  }
  for (let n = 0; n < 4; n++) await limiter.take(key, 10, DAY)
  redis.server.signal('SIGSTOP')
  const began = performance.now()
  expect(await allowed()).toBe(5)
  expect((await limiter.take(`${key} of one`, 1, DAY)).ok).toBe(true)
  expect(performance.now() - began).toBeLessThan(1_000)
  redis.server.signal('SIGCONT')
  await expect.poll(() => link.isUp(), { timeout: 5_000 }).toBe(true)
  // The one that Redis was told of while it could not answer was perhaps counted too.
  expect([5, 6]).toContain(await allowed())
})
