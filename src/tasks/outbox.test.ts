import { Type } from 'typebox'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cloneDatabase, until } from '../../test/harness.ts'
import type { Database } from '../db/index.ts'
import { Problem } from '../lib/problems.ts'
import { inProcessBroker } from './in-process.ts'
import { enqueue, startRelay } from './outbox.ts'
import { type Broker, defineTask, type Message } from './types.ts'

const task = defineTask({
  name: 'test.count',
  payload: Type.Object({ n: Type.Integer() }),
  queue: 'normal',
  attempts: 3,
})
let clone: Awaited<ReturnType<typeof cloneDatabase>>
beforeAll(async () => {
  clone = await cloneDatabase()
})
afterAll(() => clone.drop())

const fail = (error: unknown) => {
  throw error
}

it('relays what committed and nothing of what rolled back', async () => {
  const { db } = clone
  const broker = inProcessBroker()
  const seen: Message[] = []
  await broker.consume('normal', 1, async message => void seen.push(message))
  const relay = startRelay({ db, broker, pollMs: 10_000, onError: fail })
  await db
    .tx(async tx => {
      await enqueue(tx, task, [{ n: 666 }])
      throw new Error('changed my mind')
    })
    .catch(() => undefined)
  await db.tx(async tx => {
    await enqueue(tx, task, [{ n: 1 }, { n: 2 }], { requestId: 'request-1' })
    tx.afterCommit(relay.wake)
  })
  await until('two messages', () => seen.length === 2, 2_000)
  expect(seen.map(({ payload, requestId }) => ({ payload, requestId }))).toEqual([
    { payload: { n: 1 }, requestId: 'request-1' },
    { payload: { n: 2 }, requestId: 'request-1' },
  ])
  await relay.stop()
  await broker.close()
})

it('keeps rows that the broker did not take, and sends them when it does', async () => {
  const { db } = clone
  const healthy = inProcessBroker()
  let broken = true
  const broker: Broker = {
    ...healthy,
    publish: messages => (broken ? Promise.reject(new Error('away')) : healthy.publish(messages)),
  }
  const errors: unknown[] = []
  const seen: unknown[] = []
  await broker.consume('normal', 1, async ({ payload }) => void seen.push(payload))
  const relay = startRelay({ db, broker, pollMs: 20, onError: error => void errors.push(error) })
  await enqueue(db, task, [{ n: 7 }])
  await until('failures', () => errors.length >= 3)
  broken = false
  await until('the message', () => seen.length === 1)
  await relay.stop()
  expect(await db.query('select 1 from outbox')).toEqual([])
  await broker.close()
})

it('two relays side by side send each row once', async () => {
  const { db } = clone
  const broker = inProcessBroker()
  const seen: number[] = []
  await broker.consume('normal', 4, async ({ payload }) => void seen.push((payload as { n: number }).n))
  await enqueue(
    db,
    task,
    Array.from({ length: 1_000 }, (_, n) => ({ n })),
  )
  const relays = [1, 2].map(() => startRelay({ db, broker, pollMs: 10, batch: 50, onError: fail }))
  await until('1000 messages', () => seen.length >= 1_000)
  await Promise.all(relays.map(relay => relay.stop()))
  expect(new Set(seen).size).toBe(1_000)
  expect(seen).toHaveLength(1_000)
  await broker.close()
})

it('a queue that takes no more does not hold up the others, nor send them again and again', async () => {
  const { db } = clone
  const healthy = inProcessBroker()
  let full = true
  const broker: Broker = {
    ...healthy,
    publish: async messages => {
      if (full && messages.some(({ queue }) => queue === 'low_priority'))
        throw new Error('low_priority is full')
      return healthy.publish(messages)
    },
  }
  const urgent: unknown[] = []
  const low: unknown[] = []
  await broker.consume('urgent', 1, async ({ payload }) => void urgent.push(payload))
  await broker.consume('low_priority', 1, async ({ payload }) => void low.push(payload))
  const errors: unknown[] = []
  const relay = startRelay({ db, broker, pollMs: 10_000, onError: error => void errors.push(error) })
  await enqueue(db, task, [{ n: 1 }, { n: 2 }], { queue: 'low_priority' })
  await enqueue(db, task, [{ n: 3 }], { queue: 'urgent' })
  relay.wake()
  await until('the urgent one', () => urgent.length === 1, 2_000)
  for (let n = 4; n < 14; n++) {
    await enqueue(db, task, [{ n }], { queue: 'urgent' })
    relay.wake()
    await until(`urgent ${n}`, () => urgent.length === n - 2, 2_000)
  }
  // Once with the others and once by itself; then it is left alone until the next look.
  expect(errors.length).toBeLessThanOrEqual(2)
  expect(urgent).toHaveLength(11)
  full = false
  await relay.stop()
  const again = startRelay({ db, broker, pollMs: 10_000, onError: fail })
  await until('the low ones', () => low.length === 2, 2_000)
  await again.stop()
  await broker.close()
})

it('goes on by itself after the database was away', async () => {
  const { db } = clone
  const broker = inProcessBroker()
  let away = true
  const flaky: Database = {
    ...db,
    tx: work => (away ? Promise.reject(new Problem('unavailable')) : db.tx(work)),
  }
  const errors: unknown[] = []
  const seen: unknown[] = []
  await broker.consume('normal', 1, async ({ payload }) => void seen.push(payload))
  const relay = startRelay({ db: flaky, broker, pollMs: 20, onError: error => void errors.push(error) })
  await enqueue(db, task, [{ n: 1 }])
  await until('failures', () => errors.length >= 2)
  away = false
  await until('the message', () => seen.length === 1)
  await relay.stop()
  await broker.close()
})
