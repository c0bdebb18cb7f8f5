import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../test/harness.ts'
import { basic, openTestMonitor } from '../../test/monitor.ts'
import { newId } from '../lib/id.ts'
import type { TaskContext } from '../tasks/index.ts'

let monitor: Awaited<ReturnType<typeof openTestMonitor>>
beforeAll(async () => {
  monitor = await openTestMonitor()
})
afterAll(() => monitor.close())
afterEach(async () => {
  await monitor.rest()
  await monitor.realDb.query('truncate task_history, outbox')
  monitor.handle = async () => undefined
})

const forever = (_: number, { signal }: TaskContext) =>
  new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

async function working(count: number): Promise<string[]> {
  monitor.handle = forever
  await monitor.work()
  const ids: string[] = []
  for (let n = 0; n < count; n++) ids.push(await monitor.send(n))
  await until(
    'tasks under way',
    async () => (await monitor.get('/api/tasks?state=started')).body.items.length === count,
  )
  return ids
}

async function past(count: number, more: Record<string, unknown> = {}): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < count; n++) {
    const id = newId(Date.now() - 60_000 + n)
    const row = { state: 'succeeded', task: 'test.task', queue: 'normal', worker: 'worker-1', ...more }
    await monitor.realDb.query(
      `insert into task_history (id, task_id, task, queue, worker, state, attempt, finished_at)
       values ($1, $1, $2, $3, $4, $5, 1, now())`,
      [id, row.task, row.queue, row.worker, row.state],
    )
    ids.push(id)
  }
  return ids
}

describe('the monitor shows', () => {
  it('all of it in one look, as JSON and as text for curl', async () => {
    await working(1)
    expect((await monitor.get('/')).body).toMatchObject({
      monitor: 'SamaConso',
      version: '1.2.3',
      broker: 'ok',
      database: 'ok',
      workers: [{ name: 'worker-1', state: 'running', active: 1, succeeded: 0, failed: 0 }],
      queues: [{ queue: 'urgent' }, { queue: 'high_priority' }, { queue: 'normal', unacknowledged: 1 }, {}],
      outbox: { waiting: 0, oldestSeconds: null },
    })
    const curl = await monitor.ask('GET', '/', undefined, {
      authorization: basic(),
      'user-agent': 'curl/8.5.0',
      accept: '*/*',
    })
    expect(curl.headers['content-type']).toContain('text/plain')
    expect(curl.text).toMatch(/^worker-1 +running +1 +2 /m)
    expect(curl.text).toMatch(/^normal +0 +1 +0 +0 +1 +2$/m)
  })

  it('workers, and one of them with what it holds', async () => {
    const ids = await working(2)
    expect((await monitor.get('/api/workers')).body.items).toMatchObject([
      {
        name: 'worker-1',
        state: 'running',
        pid: process.pid,
        version: '1.2.3',
        queues: [{ queue: 'normal', slots: 2, active: 2, reserved: 0 }],
        active: 2,
        dropped: { events: 0, history: 0, results: 0 },
      },
    ])
    const { body } = await monitor.get('/api/workers/worker-1')
    expect(body).toMatchObject({ answered: true, reservedTasks: [] })
    expect(body.activeTasks.map(({ id }: { id: string }) => id)).toEqual(ids)
    expect((await monitor.get('/api/workers/nobody')).status).toBe(404)
  })

  it('the limits of a worker, and its settings without secrets; that it did not tell them when it did not', async () => {
    await monitor.work('worker-1', { normal: 2 }, [
      { name: 'WORKER_SLOTS', value: '2', isDefault: false },
      { name: 'PEPPER', value: null, isDefault: false },
    ])
    const { body } = await monitor.get('/api/workers/worker-1/configuration')
    expect(body).toEqual({
      mostSlots: 64,
      tasks: [{ name: 'test.task', queue: 'normal', attempts: 1, slowMs: 60_000 }],
      settings: [
        { name: 'WORKER_SLOTS', value: '2', isDefault: false },
        { name: 'PEPPER', value: null, isDefault: false },
      ],
    })
    expect((await monitor.get('/api/workers/nobody/configuration')).status).toBe(404)
    await monitor.rest()
    expect((await monitor.get('/api/workers/worker-1/configuration')).status).toBe(503)
  })

  it('tasks under way, then those that ended, page by page', async () => {
    const old = await past(5)
    const live = await working(2)
    const first = (await monitor.get('/api/tasks?limit=4')).body
    expect(first.items.map(({ state }: { state: string }) => state)).toEqual([
      'started',
      'started',
      'succeeded',
      'succeeded',
    ])
    const second = (await monitor.get(`/api/tasks?limit=4&cursor=${first.nextCursor}`)).body
    const ids = [...first.items, ...second.items].map(({ id }: { id: string }) => id)
    expect(ids).toEqual([...live.toReversed(), ...old.toReversed()])
    expect([second.nextCursor, second.database]).toEqual([null, 'ok'])
    const full = (await monitor.get('/api/tasks?limit=2')).body
    const next = (await monitor.get(`/api/tasks?limit=2&cursor=${full.nextCursor}`)).body
    expect(next.items.map(({ id }: { id: string }) => id)).toEqual(old.toReversed().slice(0, 2))
    expect((await monitor.get('/api/tasks?cursor=nonsense')).status).toBe(422)
    expect((await monitor.get('/api/tasks?limit=501')).status).toBe(422)
  })

  it('tasks by state, queue, name, worker and time', async () => {
    const [failed] = await past(1, { state: 'parked' })
    const [retried] = await past(1, { state: 'retried', worker: 'worker-2' })
    const [urgent] = await past(1, { queue: 'urgent' })
    const [named] = await past(1, { task: 'other.task' })
    const idsOf = async (query: string) =>
      (await monitor.get(`/api/tasks?${query}`)).body.items.map(({ id }: { id: string }) => id)
    expect(await idsOf('state=parked')).toEqual([failed])
    expect((await idsOf('state=failed')).sort()).toEqual([failed, retried].sort())
    expect(await idsOf('queue=urgent')).toEqual([urgent])
    expect(await idsOf('name=other.task')).toEqual([named])
    expect(await idsOf('worker=worker-2')).toEqual([retried])
    expect(await idsOf('worker=worker-2&state=parked')).toEqual([])
    const minuteAgo = new Date(Date.now() - 65_000).toISOString()
    expect(await idsOf(`from=${minuteAgo}`)).toHaveLength(4)
    expect(await idsOf(`to=${minuteAgo}`)).toEqual([])
    expect(await idsOf('from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z')).toHaveLength(4)
    expect(await idsOf('state=started')).toEqual([])
    expect((await monitor.get('/api/tasks?state=other')).status).toBe(422)
  })

  it('when a task was accepted, published and taken: under way, and of each attempt that ended', async () => {
    const sentAt = Date.now()
    const [id] = await working(1)
    const inOrder = ({ queuedAt, publishedAt, startedAt }: Record<string, string>) => {
      const times = [queuedAt, publishedAt, startedAt].map(time => Date.parse(time as string))
      expect(times).toEqual(times.toSorted((a, b) => a - b))
      expect(times[0]).toBeGreaterThanOrEqual(sentAt)
    }
    inOrder((await monitor.get(`/api/tasks/${id}`)).body)
    await monitor.rest()
    await until('its end', async () => (await monitor.get(`/api/tasks/${id}`)).body.attempts.length === 1)
    inOrder((await monitor.get(`/api/tasks/${id}`)).body.attempts[0])
  })

  it('for how long the oldest of a queue has waited', async () => {
    await working(2)
    const normal = async () => (await monitor.get('/api/queues')).body.items[2]
    expect(await normal()).toMatchObject({ queue: 'normal', ready: 0, oldestMs: null })
    await monitor.send(3)
    await until('it is seen to wait', async () => (await normal()).oldestMs > 0, 10_000)
    await until('it grows older', async () => (await normal()).oldestMs > 500)
    const { text } = await monitor.get('/metrics')
    expect(
      Number(/^samaconso_queue_oldest_seconds\{queue="normal"\} (.+)$/m.exec(text)?.[1]),
    ).toBeGreaterThan(0.5)
    expect(text).toContain('samaconso_queue_oldest_seconds{queue="urgent"} 0')
  })

  it('how full the outbox is', async () => {
    await monitor.realDb.query(
      `insert into outbox (task, queue, payload, created_at) values ('t', 'normal', '{}', now() - interval '1 minute')`,
    )
    const { outbox } = (await monitor.get('/api/queues')).body
    expect(outbox.waiting).toBe(1)
    expect(outbox.oldestSeconds).toBeGreaterThanOrEqual(60)
  })

  it('what Prometheus reads, of the process and of what it watches', async () => {
    await working(1)
    const { text, headers } = await monitor.get('/metrics')
    expect(headers['content-type']).toContain('text/plain')
    expect(text).toContain('nodejs_heap_size_used_bytes')
    expect(text).toContain('samaconso_queue_messages{queue="normal",state="unacknowledged"} 1')
    expect(text).toContain('samaconso_workers{state="running"} 1')
    expect(text).toContain('samaconso_monitor_up{dependency="database"} 1')
  })
})

describe('while something is away it says so and shows the rest:', () => {
  it('the database', async () => {
    monitor.handle = async () => undefined
    await monitor.work()
    const id = await monitor.send()
    await until('its end', async () => (await monitor.get(`/api/tasks/${id}`)).body.state === 'succeeded')
    monitor.away.database = true
    expect((await monitor.get('/')).body).toMatchObject({
      database: 'down',
      broker: 'ok',
      outbox: null,
      workers: [{ name: 'worker-1' }],
    })
    // What was heard of it stands in for the history.
    const list = (await monitor.get('/api/tasks?state=succeeded')).body
    expect(list).toMatchObject({ database: 'down' })
    expect(list.items.map((task: { id: string }) => task.id)).toContain(id)
    expect((await monitor.get(`/api/tasks/${id}`)).body).toMatchObject({
      state: 'succeeded',
      database: 'down',
    })
    expect((await monitor.get(`/api/tasks/${newId()}`)).status).toBe(503)
    expect((await monitor.get('/metrics')).text).toContain('samaconso_monitor_up{dependency="database"} 0')
  })

  it('the broker, and not more than that', async () => {
    await monitor.work()
    monitor.away.broker = true
    for (const url of ['/', '/api/queues', '/api/parked', '/metrics']) {
      const { status, text } = await monitor.get(url)
      expect([url, status]).toEqual([url, 200])
      expect(text).not.toContain('192.0.2.9')
    }
    expect((await monitor.get('/api/queues')).body).toMatchObject({
      broker: 'down',
      database: 'ok',
      items: [{ queue: 'urgent', ready: null }, {}, { queue: 'normal', ready: null, consumers: 1 }, {}],
    })
    expect((await monitor.get('/metrics')).text).not.toContain('samaconso_queue_messages{')
  })
})
