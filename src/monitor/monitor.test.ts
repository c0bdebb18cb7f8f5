import { createServer, type Server } from 'node:net'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testConfig, until } from '../../test/harness.ts'
import { newId } from '../lib/id.ts'
import { openLog } from '../observability/index.ts'
import { freePort } from '../roles/embedded/postgres.ts'
import {
  type Broker,
  defineTask,
  Handlers,
  inProcessBroker,
  startWorker,
  type Worker,
} from '../tasks/index.ts'
import { type MonitorRole, startMonitor } from './index.ts'

const task = defineTask({ name: 'test.wait', payload: Type.Object({}), queue: 'normal', attempts: 1 })
const log = openLog({ level: 'silent', instance: 'test' })
const PASSWORD = 'pässword: with a colon'
const message = () => ({
  id: newId(),
  task: task.name,
  queue: 'normal' as const,
  payload: {},
  attempt: 1,
  requestId: null,
  delayMs: 0,
})

let monitor: MonitorRole
let address: string
let broker: Broker
let worker: Worker
let finish: () => void
let away = false

beforeAll(async () => {
  const inner = inProcessBroker()
  broker = {
    ...inner,
    depths: () => (away ? Promise.reject(new Error('amqp://secret@192.0.2.9 is away')) : inner.depths()),
  }
  const handlers = new Handlers()
  handlers.on(
    task,
    () =>
      new Promise<void>(resolve => {
        finish = resolve
      }),
  )
  worker = await startWorker(handlers, {
    name: 'samaconso_worker_1',
    broker,
    queues: { normal: 2 },
    onEvent: () => undefined,
  })
  const port = await freePort()
  const config = testConfig({ MONITOR_PORT: String(port), MONITOR_USER: 'ops', MONITOR_PASSWORD: PASSWORD })
  monitor = await startMonitor({ config, broker, workers: () => [worker], version: '1.2.3', log })
  address = `http://127.0.0.1:${port}`
  await broker.publish([message()])
  await until('a task under way', () => worker.active().length === 1)
  await broker.park({ ...message(), attempt: 4 }, 'a reason')
})
afterAll(async () => {
  finish()
  await monitor.stop()
  await worker.stop()
  await broker.close()
})

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
const get = (path: string, authorization = basic('ops', PASSWORD), method = 'GET') =>
  fetch(address + path, { method, headers: authorization ? { authorization } : {} })

describe('the monitor', () => {
  it.each([
    ['nothing', ''],
    ['a wrong password', basic('ops', 'wrong')],
    ['a wrong user', basic('admin', PASSWORD)],
    ['the parts glued otherwise', basic(`ops:${PASSWORD}`, '')],
    ['another scheme', 'Bearer a.b.c'],
    ['no base64', 'Basic ???'],
  ])('shows nothing to who gives %s', async (_, authorization) => {
    for (const path of ['/', '/api/tasks', '/healthcheck', '/nothing']) {
      const answer = await get(path, authorization)
      expect([path, answer.status]).toEqual([path, 401])
      expect(answer.headers.get('www-authenticate')).toContain('Basic realm=')
      expect(Object.keys((await answer.json()) as object)).toEqual(['error'])
    }
  })

  it('takes the scheme in any case, as HTTP says', async () => {
    expect((await get('/healthcheck', basic('ops', PASSWORD).replace('Basic', 'basic'))).status).toBe(200)
  })

  it('answers a person with all of it in one look', async () => {
    expect(await (await get('/')).json()).toMatchObject({
      monitor: 'SamaConso',
      version: '1.2.3',
      workers: [{ name: 'samaconso_worker_1', queues: { normal: 2 }, active: 1, succeeded: 0, failed: 0 }],
      queues: [{ queue: 'urgent' }, { queue: 'high_priority' }, { queue: 'normal', unacknowledged: 1 }, {}],
    })
  })

  it.each([
    ['/api/workers', { items: [{ name: 'samaconso_worker_1', active: 1 }] }],
    ['/api/tasks', { items: [{ name: 'test.wait', queue: 'normal', state: 'started', attempt: 1 }] }],
    ['/api/queues', { items: [{}, {}, { queue: 'normal', ready: 0, parked: 1, delayed: 0 }, {}] }],
    ['/api/parked', { items: [{ name: 'test.wait', reason: 'a reason', attempt: 4 }] }],
    ['/healthcheck', { status: 'running' }],
    ['/api/workers?refresh=1', { items: [{}] }],
  ])('%s tells what it is for', async (path, expected) => {
    const answer = await get(path)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.json()).toMatchObject(expected)
  })

  it.each(['/nothing', '//', '/__proto__', '/constructor', '/api/../api/tasks/x'])(
    '%s is not there',
    async path => {
      expect((await get(path)).status).toBe(404)
    },
  )

  it('only shows: every other method is refused', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'HEAD']) {
      const answer = await get('/api/parked', undefined, method)
      expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 405, 'GET'])
    }
  })

  it('says so when the broker does not answer, and not more than that', async () => {
    away = true
    const answer = await get('/api/queues')
    away = false
    expect(answer.status).toBe(503)
    expect(await answer.text()).not.toContain('192.0.2.9')
  })
})

describe('the metrics port', () => {
  const metrics = (path: string) => fetch(`http://127.0.0.1:${monitor.metricsPort}${path}`)

  it('gives metrics, and nothing else', async () => {
    const answer = await metrics('/metrics')
    expect(answer.headers.get('content-type')).toContain('text/plain')
    expect(await answer.text()).toContain('nodejs_heap_size_used_bytes')
    expect((await metrics('/')).status).toBe(404)
    expect((await metrics('/api/tasks')).status).toBe(404)
  })
})

it('a monitor of which one port is taken leaves the other free', async () => {
  const taken = await new Promise<Server>(done => {
    const server: Server = createServer().listen(0, '127.0.0.1', () => done(server))
  })
  const monitorPort = await freePort()
  const metricsPort = (taken.address() as { port: number }).port
  const config = testConfig({ MONITOR_PORT: String(monitorPort), METRICS_PORT: String(metricsPort) })
  const options = { config, broker, workers: () => [], version: '1', log }
  await expect(startMonitor(options)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await new Promise(done => taken.close(done))
  const second = await startMonitor(options)
  expect(second.metricsPort).toBe(metricsPort)
  await second.stop()
})
