import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../test/harness.ts'
import { newId } from '../lib/id.ts'
import { inProcessBroker } from './in-process.ts'
import { openPool, type Pool } from './pool.ts'
import type { Broker, Message } from './types.ts'

let broker: Broker
let pool: Pool
let busy: number
let most: number
let done: number
let finish: (() => void)[]

const hold = async (_: Message) => {
  most = Math.max(most, ++busy)
  await new Promise<void>(resolve => finish.push(resolve))
  busy--
  done++
}
const publish = (count: number) =>
  broker.publish(
    Array.from({ length: count }, () => ({
      id: newId(),
      task: 'test.task',
      queue: 'normal' as const,
      payload: {},
      attempt: 1,
      requestId: null,
      delayMs: 0,
    })),
  )
const finishOne = () => finish.shift()?.()
const settle = () => new Promise(resolve => setTimeout(resolve, 30))

beforeEach(async () => {
  broker = inProcessBroker()
  busy = most = done = 0
  finish = []
  pool = await openPool(broker, 'normal', 2, hold)
})
afterEach(async () => {
  await broker.close()
  const stopped = pool.stop()
  while (busy > 0 || finish.length > 0) {
    finishOne()
    await settle()
  }
  await stopped
})

describe('slots of a queue', () => {
  it('grow while tasks are under way', async () => {
    await publish(10)
    await until('two under way', () => busy === 2)
    await pool.resize(5)
    await until('five under way', () => busy === 5)
    await settle()
    expect([most, pool.slots()]).toEqual([5, 5])
  })

  it('shrink without interrupting anything, and never start more than the new number', async () => {
    await pool.resize(6)
    await publish(20)
    await until('six under way', () => busy === 6)
    await pool.resize(3)
    expect(pool.slots()).toBe(3)
    for (let i = 0; i < 3; i++) finishOne()
    await until('three are done', () => done === 3)
    await settle()
    expect(busy).toBe(3)
    // Those that go on are of the old subscription; for each that ends exactly one begins.
    for (let i = 0; i < 10; i++) {
      finishOne()
      await until('the next', () => done === 4 + i)
      await settle()
      expect(busy).toBe(3)
    }
    expect(pool.reserved().length).toBeLessThanOrEqual(3)
  })

  it('follow many changes at once, one after the other', async () => {
    await Promise.all([pool.resize(9), pool.resize(1), pool.resize(4)])
    expect(pool.slots()).toBe(4)
    await publish(20)
    await until('four under way', () => busy === 4)
    await settle()
    expect(most).toBe(4)
  })

  it('keep their number when the broker does not subscribe', async () => {
    const consume = broker.consume
    broker.consume = () => Promise.reject(new Error('away'))
    await expect(pool.resize(8)).rejects.toThrow('away')
    broker.consume = consume
    expect(pool.slots()).toBe(2)
    await pool.resize(3)
    expect(pool.slots()).toBe(3)
  })

  it('give back what waits for one, and nothing of it is lost', async () => {
    await pool.resize(4)
    await publish(6)
    await until('four under way', () => busy === 4)
    await pool.resize(1)
    const reserved = await until('one that waits', () => pool.reserved()[0])
    const stopped = pool.stop()
    pool.giveBack(new Error('the worker stops'))
    for (let i = 0; i < 4; i++) finishOne()
    await stopped
    expect(done).toBe(4)
    expect(reserved).toBeDefined()
    expect((await broker.depths()).find(({ queue }) => queue === 'normal')).toMatchObject({
      ready: 2,
      unacknowledged: 0,
    })
  })

  it('are no more once it was stopped', async () => {
    await pool.stop()
    await expect(pool.resize(3)).rejects.toThrow('no more')
  })
})
