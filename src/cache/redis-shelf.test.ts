import { afterAll, beforeAll, expect, it } from 'vitest'
import { redisShelf } from './index.ts'
import { type RedisForTests, redisForTests } from './redis-server.contract.ts'
import { promisesOfShelf } from './shelf.contract.ts'

let redis: RedisForTests
beforeAll(async () => {
  redis = await redisForTests()
})
afterAll(() => redis.stop())

promisesOfShelf('the shelf that processes share', async () => {
  const link = await redis.shared()
  return {
    shelf: redisShelf(link, 1_000),
    wait: ms => new Promise(done => setTimeout(done, ms)),
    close: link.close,
  }
})

it('is read by any process, and is empty while Redis is away', async () => {
  const [here, there] = [await redis.link(), await redis.link()]
  const [shelf, other] = [redisShelf(here), redisShelf(there)]
  await shelf.put('result', 'done', 60_000)
  expect(await other.get('result')).toBe('done')
  await redis.kill()
  await shelf.put('result', 'lost', 60_000)
  expect(await other.get('result')).toBeNull()
  await redis.startAgain('with its data')
  const again = async () => {
    await shelf.put('result', 'done again', 60_000)
    return other.get('result')
  }
  await expect.poll(again, { timeout: 5_000 }).toBe('done again')
  await Promise.all([here.close(), there.close()])
})
