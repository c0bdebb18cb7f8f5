import { Type } from 'typebox'
import { inProcessFanout } from '../src/cache/index.ts'
import type { Fanout } from '../src/cache/types.ts'
import type { Database } from '../src/db/index.ts'
import { compileValidator } from '../src/http/validation.ts'
import { newId } from '../src/lib/id.ts'
import { Problem } from '../src/lib/problems.ts'
import { watchBroadcasts } from '../src/modules/broadcasts/index.ts'
import { dueDeliveries, parkedDeliveries, replayDeliveries } from '../src/modules/notifications/index.ts'
import { type DeliveryParking, type MonitorApp, openMonitor } from '../src/monitor/index.ts'
import { openLog } from '../src/observability/index.ts'
import {
  type Broker,
  defineTask,
  Handlers,
  inProcessBroker,
  QUEUES,
  type Queue,
  type ShownSetting,
  startManagedWorker,
  type TaskContext,
  type Worker,
} from '../src/tasks/index.ts'
import { cloneDatabase, type TestClock, testConfig, until } from './harness.ts'

export const MONITOR_PASSWORD = 'pässword: with a colon'

export const basic = (user = 'ops', password = MONITOR_PASSWORD): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

const task = defineTask({
  name: 'test.task',
  payload: Type.Object({ n: Type.Integer() }),
  queue: 'normal',
  attempts: 1,
})

export interface Answer {
  status: number
  headers: Record<string, unknown>
  text: string
  body: ReturnType<typeof JSON.parse>
}

/** Throws when an answer is not what the document of the monitor promises, field by field. */
function promised(
  routes: MonitorApp['routes'],
  method: string,
  url: string,
  status: number,
  body: unknown,
): void {
  const [path = ''] = url.split('?')
  const fits = (route: string) =>
    new RegExp(`^${route.replace(/:\w+/g, '[^/]+')}$`).test(path) && !(route.includes(':') && exact)
  const exact = routes.some(route => route.method === method && route.url === path)
  const route = routes.find(one => one.method === method && fits(one.url))
  const schema = (route?.schema?.response as Record<string, object> | undefined)?.[status]
  if (!schema) {
    if (status < 300 && path.startsWith('/api/')) throw new Error(`${method} ${path} promises no ${status}`)
    return
  }
  const check = compileValidator({ schema, httpPart: 'body' })
  if (!check(body)) throw new Error(`${method} ${path} breaks its promise: ${JSON.stringify(check.errors)}`)
}

/** A monitor with its database, broker and fan-out, and workers whose one task does what the test says. */
export async function openTestMonitor(env: Record<string, string> = {}) {
  const { db, drop } = await cloneDatabase()
  const away = { broker: false, database: false }
  const inner = inProcessBroker()
  const refuse = () => Promise.reject(new Error('amqp://secret@192.0.2.9 is away'))
  const broker: Broker = {
    ...inner,
    depths: () => (away.broker ? refuse() : inner.depths()),
    parked: () => (away.broker ? refuse() : inner.parked()),
  }
  const guarded: Database = {
    ...db,
    query: (...given) => (away.database ? Promise.reject(new Problem('unavailable')) : db.query(...given)),
    tx: work => (away.database ? Promise.reject(new Problem('unavailable')) : db.tx(work)),
  }
  const fanout: Fanout = inProcessFanout()
  let offset = 0
  const clock: TestClock = {
    now: () => Date.now() + offset,
    advance(ms) {
      offset += ms
    },
  }
  const config = testConfig({ MONITOR_USER: 'ops', MONITOR_PASSWORD, ...env })
  const log = openLog({ level: 'silent', instance: 'test' })
  const deliveries: DeliveryParking = { list: parkedDeliveries, replay: replayDeliveries, due: dueDeliveries }
  const options = {
    config,
    broker,
    fanout,
    db: guarded,
    deliveries,
    broadcasts: watchBroadcasts,
    clock,
    version: '1.2.3',
    log,
  }
  const monitor = await openMonitor(options)
  const workers: Worker[] = []
  const test = {
    ...options,
    away,
    realDb: db,
    routes: monitor.routes,
    /** What the task of its workers does. */
    handle: async (_: number, __: TaskContext): Promise<void> => undefined,
    async work(
      name = 'worker-1',
      queues: Partial<Record<Queue, number>> = { normal: 2 },
      settings: ShownSetting[] = [],
    ): Promise<Worker> {
      const handlers = new Handlers()
      handlers.on(task, ({ n }, context) => test.handle(n, context))
      const worker = await startManagedWorker(handlers, {
        name,
        broker,
        fanout,
        db,
        queues,
        settings,
        version: '1.2.3',
        onEvent: () => undefined,
        onError: error => {
          throw error
        },
        beatMs: 50,
      })
      workers.push(worker)
      return worker
    },
    /** Publishes a task; its id. */
    async send(n = 1, more: { id?: string; queue?: Queue; delayMs?: number } = {}): Promise<string> {
      const id = more.id ?? newId()
      const { queue = 'normal', delayMs = 0 } = more
      const message = { id, task: task.name, queue, payload: { n }, attempt: 1, requestId: 'request-1' }
      await broker.publish([{ ...message, at: Date.now(), delayMs }])
      return id
    },
    async ask(
      method: 'GET' | 'POST',
      url: string,
      body?: object,
      headers: Record<string, string> = { authorization: basic() },
    ): Promise<Answer> {
      const answer = await monitor.app.inject({
        method,
        url,
        headers: { 'accept-language': 'en', ...headers },
        ...(body ? { payload: body } : {}),
      })
      const isJson = String(answer.headers['content-type']).includes('json')
      if (isJson) promised(monitor.routes, method, url, answer.statusCode, answer.json())
      return {
        status: answer.statusCode,
        headers: answer.headers,
        text: answer.body,
        body: isJson ? answer.json() : undefined,
      }
    },
    get: (url: string) => test.ask('GET', url),
    post: (url: string, body?: object) => test.ask('POST', url, body),
    audit: () =>
      db.query<{ actor_role: string; action: string; object_id: string | null; detail: object }>(
        'select actor_role, action, object_id, detail from audit order by at, id',
      ),
    /** Ends the workers of one test, and empties its queues. */
    async rest() {
      await Promise.all(workers.splice(0).map(worker => worker.stop(0)))
      await inner.replay()
      const drains = await Promise.all(QUEUES.map(queue => inner.consume(queue, 100, async () => undefined)))
      await until('empty queues', async () =>
        (await inner.depths()).every(({ ready, unacknowledged }) => ready + unacknowledged === 0),
      )
      await Promise.all(drains.map(drain => drain.stop()))
      away.broker = away.database = false
    },
    async close() {
      await test.rest()
      await monitor.close()
      await inner.close()
      await drop()
    },
  }
  return test
}
