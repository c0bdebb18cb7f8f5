import { Type } from 'typebox'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cloneDatabase, until } from '../../test/harness.ts'
import { inProcessFanout } from '../cache/index.ts'
import type { Fanout, Shelf } from '../cache/types.ts'
import { newId } from '../lib/id.ts'
import { REPLIES_TOPIC, REQUESTS_TOPIC } from './control/protocol.ts'
import {
  type Broker,
  defineTask,
  EVENTS_TOPIC,
  type EventBatch,
  type Farewell,
  Handlers,
  type Heartbeat,
  inProcessBroker,
  type ManagedWorkerOptions,
  openRemote,
  persistRevocations,
  type Remote,
  readResult,
  startManagedWorker,
  type TaskContext,
  type TaskEvent,
  WORKERS_TOPIC,
  type Worker,
} from './index.ts'

const task = defineTask({
  name: 'test.task',
  payload: Type.Object({ n: Type.Integer() }),
  queue: 'normal',
  attempts: 2,
  slowMs: 100,
})

let clone: Awaited<ReturnType<typeof cloneDatabase>>
beforeAll(async () => {
  clone = await cloneDatabase()
})
afterAll(() => clone.drop())

let broker: Broker
let fanout: Fanout
let remote: Remote
let events: TaskEvent[]
let beats: (Heartbeat | Farewell)[]
let workers: Worker[]
let ran: number[]
let handle: (n: number, context: TaskContext) => Promise<void>

beforeEach(() => {
  broker = inProcessBroker()
  fanout = inProcessFanout()
  remote = openRemote(fanout)
  events = []
  beats = []
  workers = []
  ran = []
  handle = async () => undefined
  fanout.subscribe(WORKERS_TOPIC, beat => void beats.push(beat as Heartbeat))
})
afterEach(async () => {
  await Promise.all(workers.map(worker => worker.stop(0)))
  remote.close()
  await broker.close()
})

async function work(name = 'worker-1', more: Partial<ManagedWorkerOptions> = {}): Promise<Worker> {
  const handlers = new Handlers()
  handlers.on(task, ({ n }, context) => {
    ran.push(n)
    return handle(n, context)
  })
  const worker = await startManagedWorker(handlers, {
    name,
    broker,
    fanout,
    version: '1.2.3',
    queues: { normal: 2 },
    onEvent: event => void events.push(event),
    onError: error => {
      throw error
    },
    beatMs: 50,
    lookMs: 20,
    ...more,
  })
  workers.push(worker)
  return worker
}

async function send(n = 1, id = newId()): Promise<string> {
  await broker.publish([
    { id, task: task.name, queue: 'normal', payload: { n }, attempt: 1, requestId: null, delayMs: 0 },
  ])
  return id
}
const kindsOf = (id: string) => events.filter(({ message }) => message.id === id).map(({ kind }) => kind)
const forever = (_: number, { signal }: TaskContext) =>
  new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
const lastBeat = () => beats.findLast(beat => beat.kind === 'heartbeat') as Heartbeat

describe('a worker is seen', () => {
  it('by its heartbeats, from the start to its farewell', async () => {
    handle = forever
    const worker = await work()
    const id = await send()
    await until('a heartbeat with the task', () => lastBeat().activeCount === 1)
    expect(lastBeat()).toMatchObject({
      name: 'worker-1',
      pid: process.pid,
      version: '1.2.3',
      draining: false,
      queues: [{ queue: 'normal', slots: 2, active: 1, reserved: 0 }],
      active: [
        { id, task: 'test.task', attempt: 1, publishedAt: expect.any(Number), slow: false, stuck: false },
      ],
      dropped: { events: 0, history: 0, results: 0 },
    })
    expect(lastBeat().memoryBytes).toBeGreaterThan(1_000_000)
    await until('a slow task', () => lastBeat().active[0]?.slow)
    expect(kindsOf(id)).toEqual(['started', 'slow'])
    await worker.stop(0)
    expect(beats.at(-1)).toMatchObject({ kind: 'farewell', name: 'worker-1' })
  })

  it('by what happens to its tasks, told in batches and without what is inside', async () => {
    const batches: EventBatch[] = []
    fanout.subscribe(EVENTS_TOPIC, batch => void batches.push(batch as EventBatch))
    await work()
    for (let n = 0; n < 50; n++) await send(n)
    await until('all events', () => batches.flatMap(({ events }) => events).length === 100)
    expect(batches.length).toBeLessThan(10)
    const [first] = batches[0]?.events ?? []
    expect(first).toEqual({
      kind: 'started',
      id: expect.any(String),
      task: 'test.task',
      queue: 'normal',
      attempt: 1,
      at: expect.any(Number),
      publishedAt: expect.any(Number),
      startedAt: expect.any(Number),
      runMs: null,
    })
  })

  it('by the results that it leaves on the shelf for an hour', async () => {
    const kept = new Map<string, { text: string; ttlMs: number }>()
    const shelf: Shelf = {
      put: async (key, text, ttlMs) => void kept.set(key, { text, ttlMs }),
      get: async key => kept.get(key)?.text ?? null,
    }
    handle = async n => {
      if (n === 2) throw new Error('code 123456 was refused')
    }
    await work('worker-1', { shelf })
    const [good, bad] = [await send(1), await send(2)]
    await until('both results', () => kept.size === 2)
    expect(await readResult(shelf, good)).toMatchObject({ id: good, state: 'succeeded', error: null })
    expect(await readResult(shelf, bad)).toMatchObject({ state: 'retried', error: 'code • was refused' })
    expect([...kept.values()][0]?.ttlMs).toBe(3_600_000)
    expect(await readResult(shelf, 'another')).toBeNull()
  })
})

describe('a worker obeys', () => {
  const ask = (...[command, args]: Parameters<Remote['ask']>) =>
    remote.ask(command, args, { to: ['worker-1'] })
  const reply = async (...question: Parameters<Remote['ask']>) =>
    (await ask(...question)).replies.get('worker-1')
  const here = { to: ['worker-1'] }

  it('ping, by which who has just come sees it at once', async () => {
    await work('worker-1', { beatMs: 60_000 })
    const before = beats.length
    expect(await reply('ping', {}, here)).toMatchObject({ fault: null, result: 'pong' })
    expect(beats.length).toBe(before + 1)
  })

  it('all, each for itself, and who does not reply in time is named', async () => {
    await work('worker-1')
    await work('worker-2')
    const expected = ['worker-1', 'worker-2', 'worker-3']
    const startedAt = performance.now()
    const { replies, silent } = await remote.ask('ping', {}, { to: null, expected }, 100)
    expect(performance.now() - startedAt).toBeGreaterThan(90)
    expect([[...replies.keys()].sort(), silent]).toEqual([['worker-1', 'worker-2'], ['worker-3']])
    const quick = await remote.ask('ping', {}, { to: null, expected: ['worker-1', 'worker-2'] }, 60_000)
    expect(quick.silent).toEqual([])
  })

  it('statistics, active and reserved', async () => {
    handle = forever
    await work()
    const ids = [await send(), await send(), await send()]
    await until('two under way', () => ran.length === 2)
    expect((await reply('statistics', {}, here))?.result).toMatchObject({ name: 'worker-1', activeCount: 2 })
    expect((await reply('active', {}, here))?.result).toMatchObject([{ id: ids[0] }, { id: ids[1] }])
    expect((await reply('reserved', {}, here))?.result).toEqual([])
    await reply('shrink', { n: 1, queue: 'normal' }, here)
    const waiting = await until('one that waits', async () => {
      const reserved = (await reply('reserved', {}, here))?.result as object[]
      return reserved[0]
    })
    expect(waiting).toMatchObject({ id: ids[2], queue: 'normal' })
  })

  it('grow and shrink, within bounds', async () => {
    handle = forever
    const worker = await work()
    for (let n = 0; n < 10; n++) await send(n)
    await until('two under way', () => ran.length === 2)
    expect((await reply('grow', { n: 3 }, here))?.result).toEqual({ normal: 5 })
    await until('five under way', () => ran.length === 5)
    expect(lastBeat().queues).toMatchObject([{ slots: 5 }])
    expect((await reply('grow', { n: 60 }, here))?.fault).toMatchObject({ code: 'conflict' })
    expect((await reply('shrink', { n: 5 }, here))?.fault).toMatchObject({ code: 'conflict' })
    expect((await reply('grow', { n: 1, queue: 'urgent' }, here))?.fault).toMatchObject({ code: 'conflict' })
    expect((await reply('shrink', { n: 4 }, here))?.result).toEqual({ normal: 1 })
    expect(worker.queues).toEqual({ normal: 1 })
  })

  it('add and cancel a consumer', async () => {
    const worker = await work()
    const urgent = { id: newId(), task: task.name, queue: 'urgent' as const, payload: { n: 7 }, attempt: 1 }
    await broker.publish([{ ...urgent, requestId: null, delayMs: 0 }])
    expect((await reply('add-consumer', { queue: 'urgent', slots: 3 }, here))?.result).toEqual({
      normal: 2,
      urgent: 3,
    })
    await until('the urgent one', () => ran.includes(7))
    expect((await reply('add-consumer', { queue: 'urgent', slots: 3 }, here))?.fault?.code).toBe('conflict')
    expect((await reply('cancel-consumer', { queue: 'normal' }, here))?.result).toEqual({ urgent: 3 })
    expect((await reply('cancel-consumer', { queue: 'normal' }, here))?.fault?.code).toBe('conflict')
    await send(8)
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(ran).toEqual([7])
    expect(worker.queues).toEqual({ urgent: 3 })
  })

  it('revoke: the task is refused when it arrives, and does not come again', async () => {
    await work()
    const id = newId()
    expect((await reply('revoke', { ids: [id] }, here))?.result).toEqual({ revoked: 1 })
    await send(1, id)
    await send(2)
    await until('the other one', () => ran.length === 1)
    expect(ran).toEqual([2])
    expect(kindsOf(id)).toEqual(['revoked'])
    expect(await broker.depths()).toMatchObject([
      {},
      {},
      { ready: 0, unacknowledged: 0, delayed: 0, parked: 0 },
      {},
    ])
  })

  it('terminate: that task ends, the others go on, and the worker too', async () => {
    handle = forever
    const worker = await work()
    const [one, other] = [await send(1), await send(2)]
    await until('two under way', () => ran.length === 2)
    expect((await reply('terminate', { ids: [one, newId()] }, here))?.result).toEqual({ terminated: [one] })
    await until('its end', () => kindsOf(one).includes('revoked'))
    expect(worker.active().map(({ message }) => message.id)).toEqual([other])
    expect(worker.counts()).toEqual({ succeeded: 0, failed: 0 })
    expect(worker.isDraining()).toBe(false)
  })

  it('terminate: a task that records what it did and ends well is not told as done', async () => {
    handle = (_n, { signal }) => new Promise(resolve => signal.addEventListener('abort', () => resolve()))
    const worker = await work()
    const id = await send(1)
    await until('its start', () => ran.length === 1)
    await reply('terminate', { ids: [id] }, here)
    await until('its end', () => worker.active().length === 0)
    expect(kindsOf(id)).toEqual(['started', 'revoked'])
    expect(worker.counts()).toEqual({ succeeded: 0, failed: 0 })
    expect(await broker.depths()).toMatchObject([{}, {}, { ready: 0, unacknowledged: 0, parked: 0 }, {}])
  })

  it('a task that does not obey makes its worker drain and end, the others finished and itself given back', async () => {
    let finish: () => void = () => undefined
    handle = n =>
      new Promise(resolve => {
        if (n === 2) finish = resolve
      })
    const worker = await work('worker-1', { obeyMs: 60 })
    const [stuck, good] = [await send(1), await send(2)]
    await until('two under way', () => ran.length === 2)
    await reply('terminate', { ids: [stuck] }, here)
    await until('a stuck task', () => kindsOf(stuck).includes('stuck'))
    await until(
      'a heartbeat that says so',
      () => lastBeat().draining && lastBeat().active.some(one => one.stuck),
    )
    finish()
    expect(await worker.ended).toBe('stuck')
    expect(kindsOf(good).at(-1)).toBe('succeeded')
    expect(await broker.depths()).toMatchObject([{}, {}, { unacknowledged: 1 }, {}])
  })

  it('shutdown: it finishes what it holds and ends', async () => {
    let finish: () => void = () => undefined
    handle = () =>
      new Promise(resolve => {
        finish = resolve
      })
    const worker = await work()
    const id = await send()
    await until('the start', () => ran.length === 1)
    expect((await reply('shutdown', {}, here))?.result).toBe('draining')
    await send(2)
    expect((await reply('grow', { n: 1 }, here))?.fault?.code).toBe('conflict')
    finish()
    expect(await worker.ended).toBe('stopped')
    expect(kindsOf(id)).toEqual(['started', 'succeeded'])
    expect(ran).toHaveLength(1)
  })

  it('not what it does not know, nor with arguments against the schema', async () => {
    const worker = await work()
    expect((await reply('constructor' as 'ping', {}, here))?.fault?.code).toBe('unknown_command')
    expect((await reply('grow', { n: 0 }, here))?.fault?.code).toBe('invalid')
    expect((await reply('grow', { n: 1, queue: 'other' } as never, here))?.fault?.code).toBe('invalid')
    expect((await reply('revoke', { ids: [] }, here))?.fault?.code).toBe('invalid')
    for (const nonsense of [null, 'x', 5, [], {}, { id: 1 }]) fanout.publish(REQUESTS_TOPIC, nonsense)
    for (const nonsense of [null, 'x', { id: 1 }]) fanout.publish(REPLIES_TOPIC, nonsense)
    expect(worker.queues).toEqual({ normal: 2 })
  })

  it('the same request once, however often it comes', async () => {
    const worker = await work()
    const request = { id: newId(), command: 'grow', to: null, args: { n: 1 } }
    for (let i = 0; i < 3; i++) fanout.publish(REQUESTS_TOPIC, request)
    await until('more slots', () => worker.queues.normal === 3)
    await new Promise(resolve => setTimeout(resolve, 30))
    expect(worker.queues.normal).toBe(3)
  })
})

describe('revocations in PostgreSQL', () => {
  it('are known to a worker that starts later', async () => {
    const id = newId()
    await persistRevocations(clone.db, [id], 'monitor:ops')
    await work('worker-1', { db: clone.db })
    await send(1, id)
    await until('its refusal', () => kindsOf(id).includes('revoked'))
    expect(ran).toEqual([])
  })

  it('do not hold a worker up while the database is away', async () => {
    const errors: unknown[] = []
    const db = { ...clone.db, query: () => Promise.reject(new Error('away')) }
    await work('worker-1', { db, onError: error => errors.push(error) })
    await send(5)
    await until('work', () => ran.length === 1)
    expect(errors).toHaveLength(1)
  })
})
