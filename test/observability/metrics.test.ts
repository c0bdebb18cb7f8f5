import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { until } from '../harness.ts'
import { type Product, startProduct } from '../product.ts'
import { expectConventions, type Family, families, sumOf } from './exposition.ts'
import { expressions, FOLDER, metricsOf, queries, recorded } from './files.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const CUSTOMERS = 300
/** The demo's own have no device until they sign in. */
const DEVICES = CUSTOMERS - 5
/** Series of one process after all of this; what grows with customers or time would soon be more. */
const MOST_SERIES = 2_500

let product: Product
let admin: string
beforeAll(async () => {
  product = await startProduct({ BROADCAST_APPROVAL_ABOVE: '100000', BROADCAST_RAMP_SECONDS: '0' })
  await seed(CUSTOMERS)
  const login = { grant: 'password', login: 'admin', password: 'Admin-demo-2026' }
  admin = (await product.call('POST', '/v1/auth/token', { body: login })).body.accessToken
}, 90_000)
afterAll(() => product?.stop())

async function seed(customers: number): Promise<void> {
  const child = spawn(process.execPath, [MAIN, 'seed', '--customers', String(customers)], {
    env: { ...process.env, DATA_DIR: product.dataDir },
    stdio: 'ignore',
  })
  const code = await new Promise(done => child.once('exit', done))
  expect(code).toBe(0)
}

async function scrape(): Promise<Family[]> {
  const { ports } = JSON.parse(await readFile(`${product.dataDir}/run.json`, 'utf8'))
  const basic = `Basic ${Buffer.from('admin:admin').toString('base64')}`
  // The monitor's has those of queues and workers too.
  const answer = await fetch(`http://127.0.0.1:${ports.MONITOR_PORT}/metrics`, {
    headers: { authorization: basic },
  })
  expect(answer.status).toBe(200)
  return families(await answer.text())
}

it('tell of a broadcast to everyone, one notification, a refusal and a sign-in, with units, help and few series', async () => {
  const content = { fr: { title: 'Coupure', body: 'Retour à 18 h.' } }
  const broadcast = { audience: { kind: 'everyone' }, content, respectQuietHours: false }
  const { body } = await product.call('POST', '/v1/admin/broadcasts', {
    token: admin,
    key: 'metrics-broadcast',
    body: broadcast,
  })
  await until(
    'the end of the broadcast',
    async () => {
      const answer = await product.call('GET', `/v1/admin/broadcasts/${body.id}`, { token: admin })
      return answer.body.state === 'done'
    },
    30_000,
  )
  const { items } = (await product.call('GET', '/v1/admin/customers?query=%2B221770000009', { token: admin }))
    .body
  const single = { customerId: items[0].id, content, priority: 'urgent' }
  expect(
    (
      await product.call('POST', '/v1/admin/notifications', {
        token: admin,
        key: 'metrics-single',
        body: single,
      })
    ).status,
  ).toBe(202)
  for (let i = 0; i < 20; i++) await product.call('GET', `/v1/nothing-${i}`, { token: admin })
  await product.call('POST', '/v1/auth/token', {
    body: { grant: 'password', login: 'admin', password: 'wrong' },
  })

  let all: Family[] = []
  await until(
    'the delivery of the notification',
    async () => {
      all = await scrape()
      return sumOf(all, 'samaconso_delivery_delay_seconds_count') > 0
    },
    30_000,
  )

  // What happened is there.
  const broadcasted = { kind: 'broadcast' }
  expect(sumOf(all, 'samaconso_deliveries_total', broadcasted)).toBeGreaterThanOrEqual(DEVICES)
  expect(
    sumOf(all, 'samaconso_outside_call_duration_seconds_count', { system: 'fcm' }),
  ).toBeGreaterThanOrEqual(DEVICES)
  expect(sumOf(all, 'samaconso_tasks_total', { outcome: 'succeeded' })).toBeGreaterThan(0)
  expect(sumOf(all, 'samaconso_task_wait_seconds_count')).toBeGreaterThan(0)
  expect(sumOf(all, 'samaconso_http_request_duration_seconds_count', { route: 'none', status: '404' })).toBe(
    20,
  )
  expect(sumOf(all, 'samaconso_sign_ins_total', { grant: 'password', outcome: 'invalid_credentials' })).toBe(
    1,
  )
  expect(sumOf(all, 'samaconso_customers')).toBeGreaterThanOrEqual(1)
  for (const dependency of ['database', 'cache', 'sic', 'push']) {
    expect(sumOf(all, 'samaconso_dependency_up', { dependency }), dependency).toBe(1)
  }

  expectConventions(all, MOST_SERIES)
  expect(all.filter(({ name }) => name.startsWith('samaconso_')).length).toBeGreaterThan(30)
  await expectOnlyKnownMetrics(all)
}, 90_000)

/** Every alert and every panel asks for what somebody tells: this process, the rules, or an exporter as it was seen. */
async function expectOnlyKnownMetrics(all: Family[]): Promise<void> {
  const exporters: Record<string, string[]> = JSON.parse(await readFile(`${FOLDER}/exporters.json`, 'utf8'))
  const own = all.flatMap(({ name, type }) =>
    type === 'histogram' ? ['_bucket', '_sum', '_count'].map(end => name + end) : [name],
  )
  const known = new Set([...own, ...Object.values(exporters).flat(), ...(await recorded()), 'up', 'ALERTS'])
  for (const { where, expr } of [...queries(), ...(await expressions())]) {
    for (const name of metricsOf(expr))
      expect(known.has(name), `${where}: ${name} is told by nobody`).toBe(true)
  }
}
