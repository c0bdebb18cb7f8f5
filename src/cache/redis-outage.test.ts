import { randomUUID } from 'node:crypto'
import { createServer, connect as dial, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openRedis, type RedisLink, redisCache } from './index.ts'
import { type RedisForTests, redisForTests } from './redis-server.contract.ts'
import type { Cache } from './types.ts'

/** What a busy machine may add to a bound. */
const SLACK_MS = 800
const DEADLINE_MS = 200

const sleep = (ms: number) => new Promise(done => setTimeout(done, ms))

let redis: RedisForTests
beforeAll(async () => {
  redis = await redisForTests()
})
afterAll(() => redis.stop())
// A test that failed while Redis was away fails alone.
beforeEach(() => redis.isRunning() || redis.startAgain('empty'))

/** The truth that a cache answers for: a number that only grows. */
function world() {
  return { value: 0, acknowledged: 0, scope: `customer:${randomUUID()}` }
}

type World = ReturnType<typeof world>

/** A process: its cache, its link, and a check of each answer that it gives. */
async function instance(truth: World, open = () => redis.link()) {
  const link = await open()
  const cache = redisCache(link)
  const loading = new Set<{ seen: number }>()
  let slowest = 0
  let reads = 0

  async function load(): Promise<string> {
    const under = { seen: truth.value }
    loading.add(under)
    await sleep(Math.random() * 5)
    loading.delete(under)
    return String(under.seen)
  }

  return {
    cache,
    link,
    reads: () => reads,
    slowest: () => slowest,
    /** Reads once; fails when the answer is older than what was acknowledged before it was asked. */
    async read(): Promise<number> {
      const isSure = cache.state() === 'ok'
      // Without Redis, processes do not know of each other's changes: a load that is under way may be shared.
      const oldest = Math.min(truth.acknowledged, ...[...loading].map(({ seen }) => seen))
      const known = truth.acknowledged
      const began = performance.now()
      const answer = Number(await cache.text(truth.scope, [truth.scope], 60_000, load))
      slowest = Math.max(slowest, performance.now() - began)
      reads++
      const wanted = isSure && cache.state() === 'ok' ? known : oldest
      if (answer < wanted) throw new Error(`read ${answer} after ${wanted} was acknowledged`)
      return answer
    },
    async change(): Promise<void> {
      const changed = ++truth.value
      await sleep(Math.random() * 2)
      await cache.bump(truth.scope)
      truth.acknowledged = Math.max(truth.acknowledged, changed)
    },
    async close() {
      await cache.close()
      await link.close()
    },
  }
}

type Instance = Awaited<ReturnType<typeof instance>>

/** Reads and changes on every instance until it is told to stop; rejects at the first answer that is too old. */
function busy(instances: readonly Instance[]) {
  let isOver = false
  const loop = async (step: () => Promise<unknown>, pauseMs: number) => {
    while (!isOver) {
      await step()
      await sleep(Math.random() * pauseMs)
    }
  }
  const work = Promise.all(
    instances.flatMap(each => [
      loop(each.read, 2),
      loop(each.read, 2),
      loop(each.read, 2),
      loop(each.change, 20),
    ]),
  )
  // It is heard of at the next pause.
  work.catch(() => undefined)
  return {
    /** Lets them work. */
    for: (ms: number) => Promise.race([work, sleep(ms)]),
    async stop() {
      isOver = true
      await work
    },
  }
}

const fine = (cache: Cache) => expect.poll(() => cache.state(), { timeout: 10_000 }).toBe('ok')

describe('two processes', () => {
  let truth: World
  let a: Instance
  let b: Instance
  beforeEach(async () => {
    truth = world()
    a = await instance(truth)
    b = await instance(truth)
  })
  afterEach(async () => {
    await Promise.all([a.close(), b.close()])
  })

  it('never answer older than what either acknowledged, whatever happens at the same time', async () => {
    const work = busy([a, b])
    await work.for(2_000)
    await work.stop()
    expect(a.reads() + b.reads()).toBeGreaterThan(200)
  })

  it('share an answer', async () => {
    await a.read()
    truth.value++
    expect(await b.read()).toBe(0)
  })

  for (const data of ['with its data', 'empty'] as const) {
    it(`go on while Redis is killed and comes back ${data}, and are never behind`, async () => {
      const work = busy([a, b])
      for (let round = 0; round < 2; round++) {
        await work.for(300)
        await redis.kill()
        await work.for(300)
        expect(a.cache.state()).toBe('down')
        const before = a.reads()
        await work.for(200)
        expect(a.reads()).toBeGreaterThan(before)
        await redis.startAgain(data)
        await fine(a.cache)
        await fine(b.cache)
      }
      await work.for(300)
      await work.stop()
      expect(Math.max(a.slowest(), b.slowest())).toBeLessThan(DEADLINE_MS + SLACK_MS)
    })
  }

  it('answer within the bound while Redis is frozen, and are never behind when it goes on', async () => {
    const work = busy([a, b])
    for (const frozenMs of [400, 3_000]) {
      await work.for(300)
      redis.server.signal('SIGSTOP')
      await work.for(frozenMs)
      const before = b.reads()
      await work.for(200)
      expect(b.reads()).toBeGreaterThan(before)
      redis.server.signal('SIGCONT')
      await fine(a.cache)
      await fine(b.cache)
    }
    await work.for(300)
    await work.stop()
    expect(Math.max(a.slowest(), b.slowest())).toBeLessThan(DEADLINE_MS + SLACK_MS)
    await expect.poll(() => redis.connections(), { timeout: 5_000 }).toBe(2)
  })

  it('see a change whose process died before it could tell, after 2 s', async () => {
    await a.read()
    truth.value = 7
    await sleep(2_001)
    expect(await b.read()).toBe(7)
  })

  it('lose nothing but answers when Redis drops versions', async () => {
    await a.read()
    truth.value = 7
    await a.link.run(each => each.unlink(`sc:v:${a.link.runId()}:${truth.scope}`))
    expect(await b.read()).toBe(7)
    truth.value = 8
    await a.link.run(each => each.unlink(`sc:world:${a.link.runId()}`))
    expect(await b.read()).toBe(8)
  })
})

describe('a process that is cut off from Redis alone', () => {
  it('is right at once itself, seen by others within 2 s, and leaves nothing old behind when it returns', async () => {
    const truth = world()
    const wire = await cuttable(Number(new URL(redis.url).port))
    const far = new URL(redis.url)
    far.port = String(wire.port)
    const a = await instance(truth, () => redis.link({ url: far.href }))
    const b = await instance(truth)
    await b.read()
    expect(await a.read()).toBe(0)
    wire.cut()
    truth.value = 1
    const began = performance.now()
    await a.cache.bump(truth.scope)
    expect(performance.now() - began).toBeLessThan(DEADLINE_MS + SLACK_MS)
    expect(await a.read()).toBe(1)
    await sleep(2_001 - (performance.now() - began))
    expect(await b.read()).toBe(1)
    // What is kept now is left behind when the process returns with a change that nobody was told of.
    truth.value = 2
    await a.cache.bump(truth.scope)
    wire.mend()
    await fine(a.cache)
    expect(await b.read()).toBe(2)
    await Promise.all([a.close(), b.close()])
    await wire.close()
  })
})

it('a process that starts before Redis answers by loading, and uses it when it comes', async () => {
  await redis.kill()
  const troubles: Error[] = []
  const link = openRedis({ url: redis.url, onTrouble: error => void troubles.push(error) })
  const cache = redisCache(link)
  expect(await cache.text('early', ['early'], 60_000, async () => 'loaded')).toBe('loaded')
  await cache.bump('early')
  expect(cache.state()).toBe('down')
  await expect.poll(() => troubles.length).toBe(1)
  await redis.startAgain('with its data')
  await fine(cache)
  await cache.text('early', ['early'], 60_000, async () => 'kept')
  expect(await cache.text('early', ['early'], 60_000, async () => 'not asked')).toBe('kept')
  await link.close()
})

it('a process that may not sign in says so, and answers by loading', async () => {
  const wrong = new URL(redis.url)
  wrong.password = 'not-the-one'
  const troubles: string[] = []
  const link: RedisLink = openRedis({
    url: wrong.href,
    onTrouble: error => void troubles.push(error.message),
  })
  const cache = redisCache(link)
  await expect.poll(() => troubles.length, { timeout: 5_000 }).toBe(1)
  expect(troubles[0]).toContain('WRONGPASS')
  expect([link.state(), cache.state()]).toEqual(['down', 'down'])
  expect(await cache.text('any', [], 1_000, async () => 'loaded')).toBe('loaded')
  await link.close()
})

it('what Redis refuses is a trouble that is told, and loads are the answer', async () => {
  const troubles: string[] = []
  const link = await redis.link({ onTrouble: error => void troubles.push(error.message) })
  await expect(link.run(each => each.get('not-ours'))).rejects.toThrow('NOPERM')
  await expect(link.batch(pipeline => pipeline.time().get('not-ours'))).rejects.toThrow('NOPERM')
  expect(troubles).toHaveLength(1)
  expect(link.state()).toBe('down')
  await link.close()
  await expect(link.run(each => each.ping())).rejects.toThrow('away')
})

/** A wire to a port that can be cut: nothing passes and nobody is told. */
async function cuttable(to: number) {
  let isCut = false
  const sockets = new Set<Socket>()
  const server = createServer(near => {
    const far = dial(to, '127.0.0.1')
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', data => void (isCut || into.write(data)))
      // Whoever is cut off ends by itself; the other side then ends too.
      from.on('error', () => into.destroy())
      from.on('close', () => {
        sockets.delete(from)
        into.destroy()
      })
    }
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    cut: () => {
      isCut = true
    },
    mend: () => {
      isCut = false
      // What was cut in the middle of a message stays broken.
      for (const socket of sockets) socket.destroy()
    },
    close: () => new Promise<void>(done => server.close(() => done())),
  }
}
