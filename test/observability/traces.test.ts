import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Database, openDatabase } from '../../src/db/index.ts'
import { openAccessTokens } from '../../src/http/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { newId } from '../../src/lib/id.ts'
import { withLuhn } from '../../src/lib/luhn.ts'
import { openSecrets } from '../../src/lib/secrets.ts'
import { seed } from '../../src/roles/seed.ts'
import { QUEUES } from '../../src/tasks/index.ts'
import { until } from '../harness.ts'
import { RUN } from '../processes.ts'
import { prepareDemo } from '../stack/demo.ts'
import { rolesAs } from '../stack/plan.ts'
import { freePorts } from '../stack/ports.ts'
import { programUnit } from '../stack/program.ts'
import { type Served, startServers } from '../stack/servers.ts'
import { openSupervisor } from '../stack/supervisor.ts'
import { type Collector, type Received, startCollector } from './collector.ts'

const PIN = '7394'
/** Of a customer of the simulated world who is not ours. */
const METER = withLuhn('1417654321')
const TITLE = 'Coupure secrète'
const BODY = 'Retour à dix-huit heures'

let folder: string
let collector: Collector
let served: Served
let db: Database
let api: string
let customer: string
const lines: string[] = []
const supervisor = openSupervisor({ onEvent: event => void lines.push(JSON.stringify(event)) })
const tokens: Record<string, string> = {}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-traces-'))
  collector = await startCollector()
  const ports = await freePorts()
  served = await startServers(supervisor, folder, ports)
  await prepareDemo(served.env)
  db = openDatabase({ url: served.databaseUrl, pool: 1 })
  const { PEPPER = '', SEAL_KEY = '', TOKEN_KEY = '' } = served.env
  // The demo’s own accounts, the first five, have no device.
  await seed(db, 9, await openSecrets({ pepper: PEPPER, sealKey: SEAL_KEY }).hash(PIN))
  const { worker, api: apiRole } = rolesAs({
    ...served.env,
    [RUN]: process.env[RUN] ?? '',
    LOG_LEVEL: 'debug',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  })
  await supervisor.start(
    [worker('worker', QUEUES), apiRole('api', ports.api1)].map(program =>
      programUnit(program, (_name, line) => void lines.push(line)),
    ),
  )
  api = `http://127.0.0.1:${ports.api1}`
  const [person] = await db.query<{ id: string }>(
    "select customer_id id from devices where push_token = 'sim-seed-9'",
  )
  const [admin] = await db.query<{ id: string }>("select id from accounts where login = 'admin'")
  if (!person || !admin) throw new Error('The accounts of the test are missing.')
  customer = person.id
  const issued = await openAccessTokens(TOKEN_KEY, systemClock)
  const tokenOf = (id: string, role: 'customer' | 'admin') =>
    issued.issue({ id, role, agencyId: null, sessionId: newId() })
  tokens.customer = await tokenOf(customer, 'customer')
  tokens.admin = await tokenOf(admin.id, 'admin')
}, 150_000)
afterAll(async () => {
  await db?.close()
  await supervisor.stop()
  await collector?.stop()
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}, 60_000)

/** A call of the API by somebody who traces: gives the trace, their span in it, and the request's id. */
async function call(who: 'customer' | 'admin', method: string, path: string, body?: object, flags = '01') {
  const traceId = randomBytes(16).toString('hex')
  const spanId = randomBytes(8).toString('hex')
  const answer = await fetch(api + path, {
    method,
    headers: {
      authorization: `Bearer ${tokens[who]}`,
      traceparent: `00-${traceId}-${spanId}-${flags}`,
      ...(body ? { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(20_000),
  })
  return { traceId, spanId, status: answer.status, requestId: answer.headers.get('x-request-id') }
}

const spansOf = (traceId: string): Received[] => collector.spans.filter(span => span.traceId === traceId)

/** The one span of this name below that one. */
async function below(traceId: string, parent: string, name: string, seconds = 15): Promise<Received> {
  await until(
    `${name} in the trace`,
    () => spansOf(traceId).some(span => span.name === name && span.parentSpanId === parent),
    seconds * 1_000,
  )
  const found = spansOf(traceId).filter(span => span.name === name && span.parentSpanId === parent)
  expect(found).toHaveLength(1)
  return found[0] as Received
}

const notify = () =>
  call('admin', 'POST', '/v1/admin/notifications', {
    customerId: customer,
    priority: 'urgent',
    content: { fr: { title: TITLE, body: BODY } },
  })

it('shows one trace from the request through outbox, RabbitMQ and worker to the push', async () => {
  const { traceId, spanId, status, requestId } = await notify()
  expect(status).toBe(202)
  const request = await below(traceId, spanId, 'POST /v1/admin/notifications')
  const publish = await below(traceId, request.spanId, 'publish notifications.deliver')
  const task = await below(traceId, publish.spanId, 'task notifications.deliver')
  const push = await below(traceId, task.spanId, 'call fcm')
  expect([request.instance, task.instance, push.instance]).toEqual(['api', 'worker', 'worker'])
  // Every process relays: whoever is first.
  expect(['api', 'worker']).toContain(publish.instance)
  expect(request.attributes).toMatchObject({
    'http.route': '/v1/admin/notifications',
    'samaconso.request.id': requestId,
  })
  expect(task.attributes).toMatchObject({
    'samaconso.request.id': requestId,
    'messaging.destination.name': 'urgent',
  })
  expect(push.attributes).toMatchObject({ 'samaconso.outcome': 'sent' })
  expect(spansOf(traceId)).toHaveLength(4)

  // From the log to the trace: both processes name it.
  const named = lines.filter(line => line.includes(traceId)).map(line => JSON.parse(line))
  expect(named.filter(line => line.event === 'request')).toMatchObject([{ requestId, instance: 'api' }])
  expect(named.filter(line => line.event === 'task_succeeded')).toMatchObject([
    { requestId, instance: 'worker' },
  ])
})

it('goes on in the same trace after a wait in a retry queue', async () => {
  const behave = (body: object) =>
    fetch(`${served.outside.control}/push/behaviour`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  expect((await behave({ outcome: 'UNAVAILABLE', share: 1 })).status).toBe(200)
  const { traceId, spanId } = await notify()
  const request = await below(traceId, spanId, 'POST /v1/admin/notifications')
  const publish = await below(traceId, request.spanId, 'publish notifications.deliver')
  const first = await below(traceId, publish.spanId, 'task notifications.deliver')
  expect((await below(traceId, first.spanId, 'call fcm')).attributes['samaconso.outcome']).toBe('retry')
  expect((await behave({ outcome: 'UNAVAILABLE', share: 0 })).status).toBe(200)
  const again = await below(traceId, first.spanId, 'publish notifications.deliver')
  const second = await below(traceId, again.spanId, 'task notifications.deliver', 40)
  expect((await below(traceId, second.spanId, 'call fcm')).attributes['samaconso.outcome']).toBe('sent')
}, 90_000)

it('shows calls of the back office below the request', async () => {
  const { traceId, spanId, status } = await call('customer', 'POST', '/v1/meters', {
    kind: 'prepaid',
    number: METER,
  })
  expect(status).toBe(201)
  const request = await below(traceId, spanId, 'POST /v1/meters')
  const sic = await below(traceId, request.spanId, 'call sic')
  expect(sic.attributes).toEqual({ 'samaconso.system': 'sic', 'samaconso.outcome': 'ok' })
})

it('keeps nothing of a trace that its caller did not keep', async () => {
  const unkept = await call('customer', 'GET', '/v1/meters', undefined, '00')
  const kept = await call('customer', 'GET', '/v1/meters')
  await below(kept.traceId, kept.spanId, 'GET /v1/meters')
  expect(spansOf(unkept.traceId)).toEqual([])
  expect(lines.some(line => line.includes(unkept.traceId))).toBe(false)
})

it('has ids and outcomes in its spans, and nothing of anybody', async () => {
  await call('admin', 'GET', '/v1/admin/customers?query=%2B221770000001')
  const { traceId, spanId } = await call('admin', 'GET', '/v1/admin/customers?query=Awa%20Diop')
  await below(traceId, spanId, 'GET /v1/admin/customers')
  const names = new Set(collector.spans.flatMap(({ attributes }) => Object.keys(attributes)))
  expect([...names].toSorted()).toEqual([
    'enduser.id',
    'http.request.method',
    'http.response.status_code',
    'http.route',
    'messaging.destination.name',
    'messaging.message.id',
    'samaconso.calls',
    'samaconso.notification.id',
    'samaconso.outcome',
    'samaconso.request.id',
    'samaconso.system',
    'samaconso.task.attempt',
  ])
  // Numbers of spans, instants and ids hold any digits: what is left is what people could be known by.
  const told = collector
    .text()
    .replaceAll(/"(?:traceId|spanId|parentSpanId|\w+UnixNano)":"\w+"/g, '')
    .replaceAll(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g, '')
  expect(told).toContain('http.route')
  const personal = ['77000', 'Awa', 'Diop', 'sim-seed', METER, TITLE, BODY, PIN, 'query=', 'eyJ']
  expect(personal.filter(text => told.includes(text))).toEqual([])
})
