import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { promisesOfFanout } from './fanout.contract.ts'
import { type RedisLink, redisFanout } from './index.ts'
import { type RedisForTests, redisForTests } from './redis-server.contract.ts'

const sleep = (ms: number) => new Promise(done => setTimeout(done, ms))

let redis: RedisForTests
beforeAll(async () => {
  redis = await redisForTests()
})
afterAll(() => redis.stop())

async function opened(open = redis.link) {
  const errors: unknown[] = []
  const link = await open()
  return { fanout: redisFanout(link, error => void errors.push(error)), link, errors, close: link.close }
}

promisesOfFanout('the fan-out between processes, within one', () => opened(redis.shared))

describe('the fan-out between processes', () => {
  let here: Awaited<ReturnType<typeof opened>>
  let there: Awaited<ReturnType<typeof opened>>
  let heard: unknown[]
  let gaps: string[]
  beforeEach(async () => {
    here = await opened()
    there = await opened()
    heard = []
    gaps = []
    there.fanout.subscribe('customer:1', message => void heard.push(message))
    there.fanout.onGap(() => void gaps.push('there'))
    here.fanout.onGap(() => void gaps.push('here'))
    await both(link => link.state() === 'ok')
  })
  afterEach(() => Promise.all([here.close(), there.close()]))

  const both = (isTrue: (link: RedisLink) => boolean) =>
    expect.poll(() => [here, there].every(({ link }) => isTrue(link)), { timeout: 5_000 }).toBe(true)

  it('tells the others once each, in order, by way of JSON, and not oneself twice', async () => {
    const own: unknown[] = []
    here.fanout.subscribe('customer:1', message => void own.push(message))
    const messages = Array.from({ length: 1_000 }, (_, n) => ({ n, text: 'été: 1:2\n', at: new Date(n) }))
    for (const message of messages) here.fanout.publish('customer:1', message)
    here.fanout.publish('customer:2', 'for nobody')
    await expect.poll(() => heard.length, { timeout: 5_000 }).toBe(1_000)
    expect(heard).toEqual(JSON.parse(JSON.stringify(messages)))
    await sleep(50)
    expect(own).toEqual(messages)
    expect(gaps).toEqual([])
  })

  it('takes any name for a topic', async () => {
    const odd = 'é:12\n"gap'
    there.fanout.subscribe(odd, message => void heard.push(message))
    here.fanout.publish(odd, [1])
    await expect.poll(() => heard).toEqual([[1]])
  })

  it('serialises a message once and parses it once, however many listen', async () => {
    let serialised = 0
    const seen = new Set<unknown>()
    for (let n = 0; n < 100; n++) there.fanout.subscribe('all', message => void seen.add(message))
    for (let n = 0; n < 100; n++) here.fanout.subscribe('all', () => undefined)
    here.fanout.publish('all', {
      toJSON() {
        serialised++
        return { hello: 'all' }
      },
    })
    await expect.poll(() => seen.size).toBe(1)
    expect(serialised).toBe(1)
    expect([...seen]).toEqual([{ hello: 'all' }])
  })

  it('tells its own while Redis is away, hears again by itself, and says that something was missed', async () => {
    const own: unknown[] = []
    here.fanout.subscribe('customer:1', message => void own.push(message))
    await redis.kill()
    here.fanout.publish('customer:1', 'lost for others')
    expect(own).toEqual(['lost for others'])
    await both(link => link.state() === 'down')
    await redis.startAgain('empty')
    await both(link => link.state() === 'ok')
    expect(new Set(gaps)).toEqual(new Set(['here', 'there']))
    here.fanout.publish('customer:1', 'heard again')
    await expect.poll(() => heard).toEqual(['heard again'])
  })

  it('tells the others of a gap when they alone heard all along', async () => {
    // Nothing is sent to a frozen Redis after the first command that it did not answer.
    redis.server.signal('SIGSTOP')
    await here.link.run(each => each.ping()).catch(() => undefined)
    here.fanout.publish('customer:1', 'lost for others')
    redis.server.signal('SIGCONT')
    await expect.poll(() => gaps, { timeout: 5_000 }).toContain('there')
    expect(heard).toEqual([])
  })
})
