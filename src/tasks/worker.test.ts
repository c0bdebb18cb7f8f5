import { Type } from 'typebox'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../test/harness.ts'
import { newId } from '../lib/id.ts'
import {
  type Broker,
  DELAYS_MS,
  defineTask,
  delayStep,
  Handlers,
  inProcessBroker,
  type Message,
  type Outgoing,
  queueOf,
  startWorker,
  type TaskContext,
  type TaskEvent,
  type Worker,
} from './index.ts'

const count = defineTask({
  name: 'test.count',
  payload: Type.Object({ n: Type.Integer() }, { additionalProperties: false }),
  queue: 'normal',
  attempts: 3,
})

let broker: Broker
let published: Outgoing[]
let events: TaskEvent[]
let workers: Worker[]

beforeEach(() => {
  const inner = inProcessBroker()
  published = []
  events = []
  workers = []
  broker = {
    ...inner,
    // Retries are noted with the delay that they were given, and come at once.
    publish: messages => {
      published.push(...messages)
      return inner.publish(messages.map(message => ({ ...message, delayMs: 0 })))
    },
  }
})
afterEach(async () => {
  await Promise.all(workers.map(worker => worker.stop(0)))
  await broker.close()
})

const send = (payload: unknown, task = count.name, attempt = 1): Promise<void> =>
  broker.publish([
    { id: newId(), task, queue: 'normal', payload, attempt, requestId: 'request-1', delayMs: 0 },
  ])

async function work(
  handler: (payload: { n: number }, context: TaskContext) => Promise<void>,
): Promise<Worker> {
  const handlers = new Handlers()
  handlers.on(count, handler)
  const worker = await startWorker(handlers, {
    name: 'worker-1',
    broker,
    queues: { normal: 2 },
    onEvent: event => void events.push(event),
  })
  workers.push(worker)
  return worker
}

const kinds = () => events.map(({ kind }) => kind)
const parked = () => until('a parked message', async () => (await broker.parked())[0])

describe('a worker', () => {
  it('gives a task its payload and its message, and counts what succeeded', async () => {
    const seen: { n: number; message: Message }[] = []
    const worker = await work(async ({ n }, { message }) => void seen.push({ n, message }))
    await send({ n: 7 })
    await until('success', () => kinds().includes('succeeded'))
    expect(seen).toMatchObject([
      { n: 7, message: { task: 'test.count', attempt: 1, requestId: 'request-1' } },
    ])
    expect(worker.counts()).toEqual({ succeeded: 1, failed: 0 })
    expect(kinds()).toEqual(['started', 'succeeded'])
    expect(events[1]?.durationMs).toBeGreaterThanOrEqual(0)
  })

  it('puts a task that it does not know aside, with the reason', async () => {
    await work(async () => undefined)
    await send({ n: 1 }, 'test.unknown')
    expect(await parked()).toMatchObject({
      reason: 'unknown task test.unknown',
      message: { payload: { n: 1 } },
    })
    expect(kinds()).toEqual(['parked'])
  })

  it.each([[{ n: 'seven' }], [{}], [null], ['text'], [{ n: 1, more: true }]])(
    'puts a payload against its schema (%j) aside and does not run the task',
    async payload => {
      let ran = false
      await work(async () => {
        ran = true
      })
      await send(payload)
      expect(await parked()).toMatchObject({ reason: 'payload against its schema' })
      expect(ran).toBe(false)
    },
  )

  it('tries again by the steps of delay, then puts aside with the last error', async () => {
    await work(async () => {
      throw new Error('not today')
    })
    await send({ n: 1 })
    expect(await parked()).toMatchObject({ reason: 'not today', message: { attempt: 3 } })
    const retries = published.slice(1)
    expect(retries.map(({ attempt, delayMs }) => ({ attempt, delayMs }))).toEqual([
      { attempt: 2, delayMs: 10_000 },
      { attempt: 3, delayMs: 60_000 },
    ])
    expect(new Set(published.map(({ id }) => id)).size).toBe(1)
    const once = ['started', 'failed', 'retried']
    expect(kinds()).toEqual([...once, ...once, 'started', 'failed', 'parked'])
  })

  it('keeps to the last step of delay for a task with many attempts', async () => {
    const long = defineTask({ ...count, name: 'test.long', attempts: 9 })
    const handlers = new Handlers()
    handlers.on(long, () => Promise.reject(new Error('no')))
    workers.push(
      await startWorker(handlers, { name: 'w', broker, queues: { normal: 1 }, onEvent: () => undefined }),
    )
    await send({ n: 1 }, 'test.long', 7)
    await parked()
    expect(published.slice(1).map(({ delayMs }) => delayMs)).toEqual([1_800_000, 1_800_000])
  })

  it('does not lose a message whose retry the broker would not take', async () => {
    const take = broker.publish
    let refusals = 0
    let tries = 0
    await work(async () => {
      if (++tries < 3) throw new Error('not yet')
    })
    await send({ n: 1 })
    broker.publish = async messages => {
      if (refusals++ === 0) throw new Error('full')
      return take(messages)
    }
    await until('success', () => kinds().includes('succeeded'))
    expect(refusals).toBeGreaterThanOrEqual(1)
  })

  it('refuses two handlers of one task', () => {
    const handlers = new Handlers()
    handlers.on(count, async () => undefined)
    expect(() => handlers.on(count, async () => undefined)).toThrow('two handlers')
  })
})

describe('a worker that stops', () => {
  it('finishes what it holds, and takes nothing more', async () => {
    let finish: () => void = () => undefined
    let started = 0
    const worker = await work(async () => {
      started++
      await new Promise<void>(resolve => {
        finish = resolve
      })
    })
    await send({ n: 1 })
    await until('the start', () => worker.active().length === 1)
    expect(worker.active()).toMatchObject([{ message: { payload: { n: 1 } } }])
    const stopped = worker.stop(5_000)
    await send({ n: 2 })
    finish()
    await stopped
    expect(started).toBe(1)
    expect(worker.counts()).toEqual({ succeeded: 1, failed: 0 })
    expect((await broker.depths()).find(({ queue }) => queue === 'normal')).toMatchObject({ ready: 1 })
  })

  it('aborts what does not end in time, and gives it back uncounted', async () => {
    const worker = await work(
      (_, { signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    await send({ n: 1 })
    await until('the start', () => worker.active().length === 1)
    const startedAt = performance.now()
    await worker.stop(50)
    expect(performance.now() - startedAt).toBeLessThan(900)
    expect(kinds()).toEqual(['started', 'interrupted'])
    expect(published).toHaveLength(1)
    expect((await broker.depths()).find(({ queue }) => queue === 'normal')).toMatchObject({
      ready: 1,
      parked: 0,
    })
  })

  it('leaves behind what does not even obey that, within a second more', async () => {
    const worker = await work(() => new Promise(() => undefined))
    await send({ n: 1 })
    await until('the start', () => worker.active().length === 1)
    const startedAt = performance.now()
    await worker.stop(50)
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    expect(worker.active()).toHaveLength(1)
  })

  it('may be told to twice', async () => {
    const worker = await work(async () => undefined)
    await Promise.all([worker.stop(), worker.stop()])
    await worker.stop()
  })
})

describe('queues and delays', () => {
  it('every priority that a person chooses has its queue', () => {
    expect((['urgent', 'high', 'normal', 'low'] as const).map(queueOf)).toEqual([
      'urgent',
      'high_priority',
      'normal',
      'low_priority',
    ])
  })

  it('a wait is rounded up to a step, and is never longer than the last', () => {
    expect([0, 1, 10_000, 10_001, 61_000, 400_000, 10 ** 9].map(delayStep)).toEqual([
      DELAYS_MS[0],
      DELAYS_MS[0],
      DELAYS_MS[0],
      DELAYS_MS[1],
      DELAYS_MS[2],
      DELAYS_MS[3],
      DELAYS_MS[3],
    ])
  })
})
