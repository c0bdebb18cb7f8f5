import pg from 'pg'
import { Type } from 'typebox'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cloneDatabase, until } from '../../test/harness.ts'
import { inProcessBroker } from './in-process.ts'
import { enqueue, type Relay, type RelayOptions, startRelay } from './outbox.ts'
import { type Broker, defineTask, LONGEST_DELAY_MS, type Message, PublishError, type Queue } from './types.ts'

const task = defineTask({
  name: 'test.count',
  payload: Type.Object({ n: Type.Integer() }),
  queue: 'normal',
  attempts: 3,
})

let clone: Awaited<ReturnType<typeof cloneDatabase>>
let broker: Broker
let relays: Relay[]
let clients: pg.Client[]
let seen: number[]

beforeEach(async () => {
  clone = await cloneDatabase()
  broker = inProcessBroker()
  relays = []
  clients = []
  seen = []
  for (const queue of ['normal', 'urgent'] as const) await broker.consume(queue, 8, note)
})
afterEach(async () => {
  await Promise.all(relays.map(relay => relay.stop()))
  await Promise.all(clients.map(client => client.end()))
  await broker.close()
  await clone.drop()
})

const note = async ({ payload }: Message) => void seen.push((payload as { n: number }).n)

function relay(options: Partial<RelayOptions> = {}): Relay {
  const started = startRelay({
    db: clone.db,
    broker,
    pollMs: 50,
    onError: error => {
      throw error
    },
    ...options,
  })
  relays.push(started)
  return started
}

async function client(): Promise<pg.Client> {
  const opened = new pg.Client({ connectionString: clone.url })
  await opened.connect()
  clients.push(opened)
  return opened
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ n: from + i }))
const current = async () =>
  (await clone.db.query<{ current: number }>('select current from outbox_state'))[0]?.current
const kilobytes = async () =>
  (
    await clone.db.query<{ kb: number }>(
      'select sum(pg_total_relation_size(inhrelid))::float8 / 1024 kb from pg_inherits where inhparent = $1::regclass',
      ['outbox'],
    )
  )[0]?.kb ?? 0
const isEmpty = async () => (await clone.db.query('select 1 from outbox limit 1')).length === 0

describe('the outbox', () => {
  it('does not grow with what went through it, although an old snapshot is open', async () => {
    const reader = await client()
    await reader.query('begin isolation level repeatable read; select count(*) from accounts')
    const { wake } = relay({ rotateAfter: 1_000 })
    for (let wave = 0; wave < 20; wave++) {
      await enqueue(clone.db, task, numbers(wave * 2_000, (wave + 1) * 2_000))
      wake()
      await until(`wave ${wave}`, () => seen.length === (wave + 1) * 2_000)
    }
    expect(new Set(seen).size).toBe(40_000)
    // The rows together took several times that.
    await until('little left', async () => (await kilobytes()) < 1_000)
  })

  it('keeps the row of a writer that had chosen a generation before it was left', async () => {
    const writer = await client()
    await writer.query('begin')
    await writer.query(
      "insert into outbox (task, queue, payload) values ('test.count', 'normal', '{\"n\": 7}')",
    )
    const generation = await current()
    const { wake } = relay({ rotateAfter: 10 })
    for (let wave = 0; wave < 5; wave++) {
      await enqueue(clone.db, task, numbers(100 * wave, 100 * (wave + 1)))
      wake()
      await until(`wave ${wave}`, () => seen.length === 100 * (wave + 1))
    }
    // It was left, and is not truncated while the writer is at it; nor does anything wait for that.
    expect(await current()).not.toBe(generation)
    await writer.query('commit')
    await until('the row', () => seen.length === 501)
    wake()
    await until('nothing left', isEmpty)
  })

  it('finds the row of a writer that is even later than that', async () => {
    relay()
    const other = (await current()) === 0 ? 1 : 0
    await clone.db.query(
      "insert into outbox (generation, task, queue, payload) values ($1, 'test.count', 'normal', '{\"n\": 7}')",
      [other],
    )
    await until('the row', () => seen.length === 1)
  })

  it('loses nothing and repeats nothing with several relays, writers, and many rotations', async () => {
    const all = [1, 2, 3].map(() => relay({ rotateAfter: 100, batch: 50 }))
    const writers = [0, 1, 2, 3].map(async writer => {
      for (let i = 0; i < 25; i++) {
        const from = writer * 10_000 + i * 100
        await clone.db.tx(async tx => {
          await enqueue(tx, task, numbers(from, from + 50))
          await new Promise(done => setTimeout(done, (i * 7 + writer) % 20))
          await enqueue(tx, task, numbers(from + 50, from + 100))
        })
        all[writer % 3]?.wake()
      }
    })
    await Promise.all(writers)
    await until('all', () => seen.length >= 10_000)
    expect(new Set(seen).size).toBe(10_000)
    expect(seen).toHaveLength(10_000)
    await until('nothing left', isEmpty)
  })

  it('goes on rotating while a queue that takes no more has rows left in it', async () => {
    const full: Queue = 'low_priority'
    const inner = broker
    broker = {
      ...inner,
      publish: async messages => {
        if (messages.some(({ queue }) => queue === full)) throw new PublishError(`${full} is full`)
        await inner.publish(messages)
      },
    }
    await enqueue(clone.db, task, numbers(0, 50), { queue: full })
    const { wake } = relay({ rotateAfter: 100, onError: () => undefined })
    const generations = new Set<number | undefined>()
    for (let wave = 0; wave < 60; wave++) {
      await enqueue(clone.db, task, numbers(wave * 100, (wave + 1) * 100), { queue: 'urgent' })
      wake()
      await until(`wave ${wave}`, () => seen.length === (wave + 1) * 100)
      generations.add(await current())
    }
    expect(generations.size).toBe(2)
    expect(await clone.db.query('select 1 from outbox')).toHaveLength(50)
    expect(await kilobytes()).toBeLessThan(1_000)
  })
})

describe('the relay', () => {
  it('keeps what the broker did not take of a batch, and nothing of what it took', async () => {
    const inner = broker
    let tries = 0
    broker = {
      ...inner,
      publish: async messages => {
        if (tries++ > 0) return inner.publish(messages)
        const taken = messages.slice(0, 30)
        await inner.publish(taken)
        throw new PublishError('full', new Set(taken.map(({ id }) => id)))
      },
    }
    await enqueue(clone.db, task, numbers(0, 100), { requestId: 'request-1', delayMs: 1 })
    const errors: unknown[] = []
    relay({ onError: error => void errors.push(error) })
    await until('all', () => seen.length >= 100)
    expect(seen.toSorted((a, b) => a - b)).toEqual(numbers(0, 100).map(({ n }) => n))
    expect(errors).toHaveLength(1)
    await until('nothing left', isEmpty)
  })

  it('sends the most pressing first, whatever else there is', async () => {
    await enqueue(clone.db, task, numbers(0, 2_000))
    await enqueue(clone.db, task, [{ n: -1 }], { queue: 'urgent' })
    const inner = broker
    const first: Queue[] = []
    broker = {
      ...inner,
      publish: async messages => {
        if (first.length === 0) first.push(...messages.map(({ queue }) => queue))
        await inner.publish(messages)
      },
    }
    relay({ batch: 100 })
    await until('all', () => seen.length === 2_001)
    expect(first).toContain('urgent')
  })

  it('tries nothing while the broker is down', async () => {
    const inner = broker
    let state: 'ok' | 'down' = 'down'
    let tries = 0
    broker = {
      ...inner,
      state: () => state,
      publish: messages => {
        tries++
        return inner.publish(messages)
      },
    }
    await enqueue(clone.db, task, [{ n: 1 }])
    const { wake } = relay()
    for (let i = 0; i < 10; i++) {
      wake()
      await new Promise(done => setTimeout(done, 20))
    }
    expect(tries).toBe(0)
    state = 'ok'
    await until('the message', () => seen.length === 1)
  })

  it('is never given what no broker would take', async () => {
    await expect(enqueue(clone.db, task, [{ n: 1 }], { delayMs: LONGEST_DELAY_MS + 1 })).rejects.toThrow(
      RangeError,
    )
  })
})
