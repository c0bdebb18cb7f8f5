import { afterAll, beforeAll } from 'vitest'
import { promisesOfCache } from './cache.contract.ts'
import { redisCache } from './index.ts'
import { type RedisForTests, redisForTests } from './redis-server.contract.ts'

let redis: RedisForTests
beforeAll(async () => {
  redis = await redisForTests()
})
afterAll(() => redis.stop())

promisesOfCache('the cache on Redis', async () => {
  const link = await redis.shared()
  const cache = redisCache(link)
  return {
    cache,
    wait: ms => new Promise(done => setTimeout(done, ms)),
    async close() {
      await cache.close()
      await link.close()
    },
  }
})
