import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../test/harness.ts'
import { openTestMonitor } from '../../test/monitor.ts'
import { newId } from '../lib/id.ts'
import type { TaskContext } from '../tasks/index.ts'

let monitor: Awaited<ReturnType<typeof openTestMonitor>>
beforeAll(async () => {
  monitor = await openTestMonitor()
})
afterAll(() => monitor.close())
afterEach(async () => {
  await monitor.rest()
  await monitor.realDb.query('truncate audit, task_history, task_revocations, deliveries')
  monitor.handle = async () => undefined
})

const forever = (_: number, { signal }: TaskContext) =>
  new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
const fail = async () => {
  throw new Error('no route to 77 000 00 01')
}
const history = () =>
  monitor.realDb.query<{ task_id: string; state: string; replay_of: string | null }>(
    'select task_id, state, replay_of from task_history order by id',
  )
const ended = (id: string, state: string) =>
  until(`${state} in the history`, async () =>
    (await history()).some(row => row.task_id === id && row.state === state),
  )
const underWay = (count: number) =>
  until(
    'tasks under way',
    async () => (await monitor.get('/api/tasks?state=started')).body.items.length === count,
  )

describe('a worker, at the monitor,', () => {
  it('grows, shrinks, takes and leaves queues; each is recorded', async () => {
    await monitor.work()
    const url = '/api/workers/worker-1'
    expect((await monitor.post(`${url}/pool/grow`, { n: 3, queue: 'normal' })).body).toEqual({
      worker: 'worker-1',
      queues: { normal: 5 },
    })
    expect((await monitor.post(`${url}/pool/shrink`)).body.queues).toEqual({ normal: 4 })
    const added = await monitor.post(`${url}/queue/add-consumer`, { queue: 'urgent', slots: 2 })
    expect(added.body.queues).toEqual({ normal: 4, urgent: 2 })
    expect((await monitor.get('/api/queues')).body.items).toMatchObject([
      { queue: 'urgent', consumers: 1, slots: 2 },
      { consumers: 0 },
      { queue: 'normal', consumers: 1, slots: 4 },
      {},
    ])
    const cancelled = await monitor.post(`${url}/queue/cancel-consumer`, { queue: 'normal' })
    expect(cancelled.body.queues).toEqual({ urgent: 2 })
    expect(await monitor.audit()).toMatchObject([
      {
        actor_role: 'monitor:ops',
        action: 'worker.grow',
        object_id: 'worker-1',
        detail: { n: 3, queue: 'normal' },
      },
      { action: 'worker.shrink', detail: { n: 1 } },
      { action: 'worker.add-consumer', detail: { queue: 'urgent', slots: 2 } },
      { action: 'worker.cancel-consumer', detail: { queue: 'normal' } },
    ])
  })

  it('that cannot do it says why', async () => {
    await monitor.work()
    const { status, body } = await monitor.post('/api/workers/worker-1/pool/shrink', { n: 2 })
    expect([status, body.code, body.detail]).toEqual([
      409,
      'conflict',
      'normal would have no slot: cancel its consumer instead',
    ])
    expect((await monitor.post('/api/workers/nobody/pool/grow')).status).toBe(404)
  })

  it('drains, and is seen as ended', async () => {
    const worker = await monitor.work()
    const { status, body } = await monitor.post('/api/workers/worker-1/shutdown')
    expect([status, body]).toEqual([202, { worker: 'worker-1', state: 'draining' }])
    expect(await worker.ended).toBe('stopped')
    expect((await monitor.get('/api/workers/worker-1')).body).toMatchObject({
      state: 'stopped',
      answered: false,
    })
    expect((await monitor.post('/api/workers/worker-1/shutdown')).status).toBe(409)
  })

  it('does nothing that cannot be recorded', async () => {
    const worker = await monitor.work()
    monitor.away.database = true
    const { status, body } = await monitor.post('/api/workers/worker-1/pool/grow')
    expect([status, body.code]).toEqual([503, 'unavailable'])
    expect(body.detail).toContain('Nothing was done')
    expect(worker.queues).toEqual({ normal: 2 })
  })

  it('that does not reply is not waited for any longer', async () => {
    await monitor.work()
    const beat = (await monitor.get('/api/workers/worker-1')).body
    await monitor.rest()
    monitor.fanout.publish('workers', {
      kind: 'heartbeat',
      name: 'silent',
      host: beat.host,
      pid: 1,
      version: '1',
      startedAt: 1,
      at: 1,
      draining: false,
      queues: [],
      succeeded: 0,
      failed: 0,
      ratePerSecond: 0,
      loopDelayMs: 0,
      memoryBytes: 1,
      dropped: { events: 0, history: 0, results: 0 },
      active: [],
      activeCount: 0,
    })
    const { status, body } = await monitor.post('/api/workers/silent/pool/grow')
    expect([status, body.detail]).toEqual([503, expect.stringContaining('whether it did it is not known')])
    monitor.clock.advance(10_000)
    expect((await monitor.get('/api/workers/silent')).body).toMatchObject({ state: 'lost' })
  })
})

describe('a task, at the monitor,', () => {
  it('is refused when it arrives, by workers of now and later', async () => {
    await monitor.work()
    const id = newId()
    expect((await monitor.post(`/api/tasks/${id}/revoke`)).body).toEqual({
      id,
      revoked: true,
      workers: ['worker-1'],
      silent: [],
    })
    await monitor.send(1, { id })
    await ended(id, 'revoked')
    await monitor.rest()
    await monitor.work('worker-2')
    await monitor.send(1, { id })
    await until('the second refusal', async () => (await history()).length === 2)
    expect((await monitor.get(`/api/tasks/${id}`)).body).toMatchObject({
      id,
      state: 'revoked',
      revoked: { by: 'monitor:ops' },
      attempts: [{ worker: 'worker-1' }, { worker: 'worker-2' }],
    })
    expect(await monitor.audit()).toMatchObject([
      { actor_role: 'monitor:ops', action: 'task.revoke', object_id: id, detail: { ids: [id] } },
    ])
  })

  it('is ended while under way, alone', async () => {
    monitor.handle = forever
    const worker = await monitor.work()
    const [one, other] = [await monitor.send(1), await monitor.send(2)]
    await underWay(2)
    expect((await monitor.post(`/api/tasks/${one}/terminate`)).body).toMatchObject({ terminated: true })
    await ended(one, 'revoked')
    expect(worker.active().map(({ message }) => message.id)).toEqual([other])
  })

  it('that was revoked is sent again, once, under an id that names it', async () => {
    await monitor.work()
    const id = newId()
    await monitor.post(`/api/tasks/${id}/revoke`)
    await monitor.send(1, { id })
    await ended(id, 'revoked')
    expect((await monitor.post(`/api/tasks/${id}/retry`)).body).toEqual({ id, retried: true })
    const again = (await until('the new one', async () =>
      (await history()).find(row => row.replay_of === id),
    )) as Awaited<ReturnType<typeof history>>[number]
    expect(again.state).toBe('succeeded')
    expect((await monitor.get(`/api/tasks/${again.task_id}`)).body).toMatchObject({ replayOf: id })
    const second = await monitor.post(`/api/tasks/${id}/retry`)
    expect([second.status, second.body.detail]).toEqual([409, 'the task was sent again already'])
    expect((await monitor.audit()).map(({ action }) => action)).toEqual(['task.revoke', 'task.retry'])
  })

  it('that was put aside is replayed from there, with its whole life under its id', async () => {
    monitor.handle = fail
    await monitor.work()
    const id = await monitor.send()
    await ended(id, 'parked')
    expect((await monitor.get(`/api/tasks/${id}`)).body).toMatchObject({
      state: 'parked',
      error: 'no route to •',
      parked: { kind: 'task', attempt: 1 },
    })
    monitor.handle = async () => undefined
    expect((await monitor.post(`/api/tasks/${id}/retry`)).body).toEqual({ id, retried: true })
    await ended(id, 'succeeded')
    expect((await monitor.get(`/api/tasks/${id}`)).body).toMatchObject({
      state: 'succeeded',
      replayOf: id,
      parked: null,
      attempts: [{ state: 'parked' }, { state: 'succeeded', waitMs: expect.any(Number) }],
    })
  })

  it('is not sent again while it is under way, after it succeeded, or when nobody knows it', async () => {
    monitor.handle = (n, context) => (n === 1 ? forever(n, context) : Promise.resolve())
    await monitor.work()
    const [running, done] = [await monitor.send(1), await monitor.send(2)]
    await ended(done, 'succeeded')
    await underWay(1)
    expect((await monitor.post(`/api/tasks/${running}/retry`)).body.detail).toBe('the task is under way')
    expect((await monitor.post(`/api/tasks/${done}/retry`)).status).toBe(409)
    expect((await monitor.post(`/api/tasks/${newId()}/retry`)).status).toBe(404)
    expect(await monitor.audit()).toEqual([])
  })
})

describe('tasks by filter', () => {
  it('are counted first, then sent again, once', async () => {
    monitor.handle = fail
    await monitor.work()
    const ids = [await monitor.send(1), await monitor.send(2), await monitor.send(3)]
    for (const id of ids) await ended(id, 'parked')
    monitor.handle = async () => undefined
    expect((await monitor.post('/api/tasks/retry', { state: 'parked' })).body).toEqual({
      dryRun: true,
      matched: 3,
      retried: 0,
      missing: 0,
      more: false,
      nextCursor: null,
    })
    expect(await monitor.audit()).toEqual([])
    const filter = { state: 'failed', name: 'test.task', dryRun: false }
    expect((await monitor.post('/api/tasks/retry', { ...filter, queue: 'urgent' })).body.matched).toBe(0)
    expect((await monitor.post('/api/tasks/retry', filter)).body).toMatchObject({ matched: 3, retried: 3 })
    for (const id of ids) await ended(id, 'succeeded')
    expect((await monitor.post('/api/tasks/retry', filter)).body).toMatchObject({ matched: 0, retried: 0 })
    expect(await monitor.audit()).toHaveLength(1)
  })

  it('are refused: those under way, and those that wait for another attempt', async () => {
    monitor.handle = forever
    await monitor.work()
    const id = await monitor.send()
    await underWay(1)
    const waiting = newId()
    await monitor.realDb.query(
      `insert into task_history (id, task_id, task, queue, worker, state, attempt, finished_at)
       values ($1, $2, 'test.task', 'normal', 'worker-1', 'retried', 1, now())`,
      [newId(), waiting],
    )
    expect((await monitor.post('/api/tasks/revoke', { name: 'test.task' })).body).toMatchObject({
      dryRun: true,
      matched: 2,
      revoked: 0,
    })
    expect(
      (await monitor.post('/api/tasks/revoke', { name: 'test.task', dryRun: false })).body,
    ).toMatchObject({
      revoked: 2,
      silent: [],
    })
    const kept = await monitor.realDb.query<{ task_id: string }>('select task_id from task_revocations')
    expect(kept.map(row => row.task_id).sort()).toEqual([id, waiting].sort())
  })

  it('need a filter', async () => {
    for (const command of ['retry', 'revoke']) {
      expect((await monitor.post(`/api/tasks/${command}`, { dryRun: false })).status).toBe(422)
    }
  })
})

describe('what was put aside', () => {
  const delivery = async (reason = 'taken too often') => {
    const id = newId()
    await monitor.realDb.query(
      `insert into deliveries (id, notification_id, queue, state, takes, reasons)
       values ($1, $1, 'high_priority', 'parked', 7, $2)`,
      [id, { [reason]: 1 }],
    )
    return id
  }

  it('shows, tasks and deliveries, with why', async () => {
    const message = { task: 'test.task', queue: 'normal' as const, payload: {}, attempt: 4, requestId: null }
    await monitor.broker.park({ ...message, id: newId() }, 'a reason')
    const id = await delivery()
    expect((await monitor.get('/api/parked')).body).toMatchObject({
      items: [
        { kind: 'task', name: 'test.task', reason: 'a reason', attempt: 4 },
        { kind: 'delivery', id, queue: 'high_priority', reason: 'taken too often' },
      ],
      total: { tasks: 1, deliveries: 1 },
      broker: 'ok',
      database: 'ok',
    })
    expect((await monitor.get('/api/parked?kind=delivery')).body.items).toHaveLength(1)
    expect((await monitor.get('/api/parked?cause=a%20reason')).body.items).toHaveLength(1)
    monitor.away.broker = true
    expect((await monitor.get('/api/parked')).body).toMatchObject({
      items: [{ kind: 'delivery' }],
      total: { tasks: null, deliveries: 1 },
      broker: 'down',
    })
  })

  it('is replayed by id or by cause, tasks and deliveries, and that is recorded', async () => {
    const message = {
      task: 'test.task',
      queue: 'normal' as const,
      payload: { n: 1 },
      attempt: 4,
      requestId: null,
    }
    const task = newId()
    await monitor.broker.park({ ...message, id: task }, 'poison')
    await monitor.broker.park({ ...message, id: newId() }, 'another')
    const [one, other] = [await delivery(), await delivery('another')]
    expect((await monitor.post('/api/parked/replay', {})).status).toBe(422)
    const dry = await monitor.post('/api/parked/replay', { cause: 'another', dryRun: true })
    expect(dry.body).toMatchObject({ matched: 2, replayed: { tasks: 0, deliveries: 0 } })
    expect((await monitor.post('/api/parked/replay', { ids: [task, one] })).body).toMatchObject({
      matched: 2,
      replayed: { tasks: 1, deliveries: 1 },
    })
    const units = await monitor.realDb.query('select id, state, takes, reasons from deliveries order by id')
    expect(units).toEqual([
      { id: one, state: 'pending', takes: 0, reasons: {} },
      { id: other, state: 'parked', takes: 7, reasons: { another: 1 } },
    ])
    expect((await monitor.post('/api/parked/replay', { cause: 'another' })).body.replayed).toEqual({
      tasks: 1,
      deliveries: 1,
    })
    expect(await monitor.audit()).toMatchObject([
      { action: 'parked.replay', detail: { tasks: [task], deliveries: [one] } },
      { action: 'parked.replay', detail: { cause: 'another' } },
    ])
  })
})
