import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../lib/clock.ts'
import { promisesOfBucket } from './bucket.contract.ts'
import { type RedisLink, redisBucket } from './index.ts'
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

promisesOfBucket('a bucket that processes share', (clock, size) =>
  redisBucket(shared, { ...size, name: randomUUID(), awayShare: 1, clock, isClockOurs: true }),
)

it('is one bucket for all processes, whatever their clocks say, filled by the clock of Redis', async () => {
  const other = await redis.link()
  const shared = { perSecond: 10, size: 100, reserve: 0, name: randomUUID(), awayShare: 0.5 }
  const buckets = [
    redisBucket(link, { ...shared, clock: { now: () => 0 } }),
    redisBucket(other, { ...shared, clock: { now: () => 9e12 } }),
  ]
  const taken = await Promise.all(Array.from({ length: 60 }, (_, at) => buckets[at % 2]?.take(2, false)))
  const granted = taken.reduce((sum, each) => sum + (each?.granted ?? 0), 0)
  // 100, and what ran in meanwhile.
  expect(granted).toBeGreaterThanOrEqual(100)
  expect(granted).toBeLessThanOrEqual(105)
  await other.close()
})

it('while Redis is away each process goes on with its share, within the bound, and then shares again', async () => {
  const bucket = redisBucket(link, {
    perSecond: 0.001,
    size: 100,
    reserve: 20,
    name: randomUUID(),
    awayShare: 0.25,
    clock: systemClock,
  })
  expect((await bucket.take(10, false)).granted).toBe(10)
  redis.server.signal('SIGSTOP')
  const began = performance.now()
  await link.run(each => each.ping()).catch(() => undefined)
  expect((await bucket.take(100, false)).granted).toBe(20)
  expect((await bucket.take(100, true)).granted).toBe(5)
  expect(performance.now() - began).toBeLessThan(1_000)
  redis.server.signal('SIGCONT')
  await expect.poll(() => link.isUp(), { timeout: 5_000 }).toBe(true)
  expect((await bucket.take(100, false)).granted).toBe(70)
})
