import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testConfig } from '../../test/harness.ts'
import { basic, MONITOR_PASSWORD, openTestMonitor } from '../../test/monitor.ts'
import { newId } from '../lib/id.ts'
import { freePort } from '../roles/embedded/postgres.ts'
import { startMonitor } from './index.ts'

let monitor: Awaited<ReturnType<typeof openTestMonitor>>
let readOnly: Awaited<ReturnType<typeof openTestMonitor>>
let viewed: Awaited<ReturnType<typeof openTestMonitor>>
const VIEWER_PASSWORD = 'who only looks'
const LOOKS = '“viewer” looks and changes nothing: sign in with an account that acts.'
beforeAll(async () => {
  viewed = await openTestMonitor({ MONITOR_VIEWER_PASSWORD: VIEWER_PASSWORD })
  monitor = await openTestMonitor()
  readOnly = await openTestMonitor({ MONITOR_READ_ONLY: 'true' })
})
afterAll(() => Promise.all([monitor.close(), readOnly.close(), viewed.close()]))

/** An address of each route. */
const addresses = () =>
  monitor.routes.map(({ method, url }) => ({
    method: method as 'GET' | 'POST',
    url: url.replace(':name', 'worker-1').replace(':id', newId()).replace(':file', 'none.js'),
  }))

describe('every route of the monitor', () => {
  it('is known to this test', () => {
    expect(monitor.routes.map(({ method, url }) => `${method} ${url}`).sort()).toEqual([
      'GET /',
      'GET /api/audit',
      'GET /api/broadcasts',
      'GET /api/due',
      'GET /api/me',
      'GET /api/parked',
      'GET /api/queues',
      'GET /api/queues/history',
      'GET /api/tasks',
      'GET /api/tasks/:id',
      'GET /api/workers',
      'GET /api/workers/:name',
      'GET /api/workers/:name/configuration',
      'GET /assets/:file',
      'GET /audit',
      'GET /broadcasts',
      'GET /due',
      'GET /healthcheck',
      'GET /metrics',
      'GET /parked',
      'GET /queues',
      'GET /tasks',
      'GET /tasks/:id',
      'GET /workers',
      'GET /workers/:name',
      'POST /api/parked/discard',
      'POST /api/parked/replay',
      'POST /api/tasks/:id/retry',
      'POST /api/tasks/:id/revoke',
      'POST /api/tasks/:id/terminate',
      'POST /api/tasks/retry',
      'POST /api/tasks/revoke',
      'POST /api/workers/:name/pool/grow',
      'POST /api/workers/:name/pool/shrink',
      'POST /api/workers/:name/queue/add-consumer',
      'POST /api/workers/:name/queue/cancel-consumer',
      'POST /api/workers/:name/shutdown',
    ])
  })

  it.each([
    ['nothing', ''],
    ['a wrong password', basic('ops', 'wrong')],
    ['a wrong user', basic('admin', MONITOR_PASSWORD)],
    ['the parts glued otherwise', basic(`ops:${MONITOR_PASSWORD}`, '')],
    ['another scheme', 'Bearer a.b.c'],
    ['no base64', 'Basic ???'],
  ])('is closed to who gives %s', async (_, authorization) => {
    const unknown = { method: 'GET', url: '/nothing' } as const
    for (const { method, url } of [...addresses(), unknown]) {
      const answer = await monitor.ask(method, url, undefined, authorization ? { authorization } : {})
      expect([method, url, answer.status]).toEqual([method, url, 401])
      expect(answer.headers['www-authenticate']).toContain('Basic realm=')
      expect(answer.headers['content-type']).toBe('application/problem+json')
      expect(answer.body).toMatchObject({ status: 401, code: 'unauthenticated' })
    }
    monitor.clock.advance(61_000)
  })

  it('that changes something is closed in read-only mode, and says so', async () => {
    for (const { method, url } of addresses()) {
      const { status, body } = await readOnly.ask(method, url)
      if (method === 'GET') expect([url, [200, 404].includes(status)]).toEqual([url, true])
      else {
        expect([url, status, body.code]).toEqual([url, 403, 'forbidden'])
        expect(body.detail).toContain('only shows')
      }
    }
    expect(await readOnly.audit()).toEqual([])
  })

  it('that changes something is closed to who may only look, and the rest is open', async () => {
    const authorization = basic('viewer', VIEWER_PASSWORD)
    for (const { method, url } of addresses()) {
      const { status, body } = await viewed.ask(method, url, undefined, { authorization })
      if (method === 'GET') expect([url, [200, 404].includes(status)]).toEqual([url, true])
      else expect([url, status, body.code, body.detail]).toEqual([url, 403, 'forbidden', LOOKS])
    }
    expect(await viewed.audit()).toEqual([])
    const me = async (headers: Record<string, string>) =>
      (await viewed.ask('GET', '/api/me', undefined, headers)).body
    expect(await me({ authorization })).toMatchObject({ user: 'viewer', mayAct: false, readOnly: false })
    expect(await me({ authorization: basic() })).toMatchObject({ user: 'ops', mayAct: true })
  })

  it('has no viewer unless there is a password for one', async () => {
    for (const password of ['', VIEWER_PASSWORD]) {
      const headers = { authorization: basic('viewer', password) }
      expect((await monitor.ask('GET', '/api/me', undefined, headers)).status).toBe(401)
    }
    monitor.clock.advance(61_000)
  })

  it.each([
    [{ origin: 'https://evil.example' }],
    [{ origin: 'null' }],
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site' }],
    [{ 'sec-fetch-site': 'none' }],
    [{ 'sec-fetch-site': 'same-origin', origin: 'http://localhost:1' }],
  ])('that changes something is closed to another site: %j', async headers => {
    for (const { method, url } of addresses()) {
      if (method === 'GET') continue
      const { status, body } = await monitor.ask(method, url, {}, {
        authorization: basic(),
        ...headers,
      } as never)
      expect([url, status, body.code]).toEqual([url, 403, 'forbidden'])
    }
    expect(await monitor.audit()).toEqual([])
  })

  it('that changes something is open to the monitor itself', async () => {
    const headers = { authorization: basic(), 'sec-fetch-site': 'same-origin', origin: 'http://localhost:80' }
    const { status } = await monitor.ask('POST', '/api/workers/nobody/shutdown', {}, headers)
    expect(status).toBe(404)
  })

  it('says which methods there are when asked with another', async () => {
    for (const { method, url } of addresses()) {
      const { status, headers, body } = await monitor.ask(method === 'GET' ? 'POST' : 'GET', url)
      const known = url.match(/^\/api\/tasks\/(retry|revoke)$/) && method === 'POST'
      // GET /api/tasks/retry is a task of that name, which no task has.
      if (known) expect([url, status]).toEqual([url, 405])
      else expect([url, status, headers.allow, body.code]).toEqual([url, 405, method, 'method_not_allowed'])
    }
  })

  it('refuses a body that is too large, none of JSON, or with unknown fields', async () => {
    const url = '/api/workers/worker-1/pool/grow'
    expect((await monitor.post(url, { n: 1, more: 'x'.repeat(70_000) })).status).toBe(413)
    expect((await monitor.post(url, { n: 1, more: true })).status).toBe(422)
    expect((await monitor.post(url, { n: 0 })).status).toBe(422)
    expect((await monitor.post(url, { n: 1, queue: 'other' })).status).toBe(422)
    const form = { authorization: basic(), 'content-type': 'application/x-www-form-urlencoded' }
    expect((await monitor.ask('POST', url, Buffer.from('n=1') as never, form)).status).toBe(415)
  })
})

it.each([
  '/nothing',
  '//',
  '/__proto__',
  '/constructor',
  '/api/../api/x',
  '/api/tasks/not-an-id',
  '/api/workers/x',
])('%s is not there', async url => {
  expect([404, 422]).toContain((await monitor.get(url)).status)
})

it('answers people with the page, curl with text, and programs with JSON', async () => {
  const ask = (url: string, headers: object) =>
    monitor.ask('GET', url, undefined, { authorization: basic(), ...headers })
  for (const url of ['/', '/tasks', `/tasks/${newId()}`, '/workers/worker-1']) {
    const page = await ask(url, { accept: 'text/html,*/*' })
    expect([url, page.headers['content-type']]).toEqual([url, 'text/html; charset=utf-8'])
    expect(page.headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'")
    expect(page.headers['content-security-policy']).not.toContain('unsafe')
  }
  const text = await ask('/', { 'user-agent': 'curl/8.5.0', accept: '*/*' })
  expect(text.headers['content-type']).toContain('text/plain')
  expect(text.text).toContain('QUEUE')
  expect((await ask('/', {})).body).toMatchObject({ monitor: 'SamaConso' })
})

it('takes the scheme in any case, as HTTP says', async () => {
  const headers = { authorization: basic().replace('Basic', 'basic') }
  expect((await monitor.ask('GET', '/healthcheck', undefined, headers)).status).toBe(200)
})

it('an address that guesses on and on waits a minute, also with the right password', async () => {
  const wrong = { authorization: basic('ops', 'wrong') }
  const statuses = new Set<number>()
  for (let i = 0; i < 60; i++) statuses.add((await monitor.ask('GET', '/', undefined, wrong)).status)
  expect([...statuses]).toEqual([401])
  const refused = await monitor.get('/healthcheck')
  expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited'])
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50)
  monitor.clock.advance(61_000)
  expect((await monitor.get('/healthcheck')).status).toBe(200)
})

it('serves on its port, and leaves it when it stops', async () => {
  const port = await freePort()
  const config = testConfig({ MONITOR_PORT: String(port), MONITOR_USER: 'ops', MONITOR_PASSWORD })
  const ask = () => fetch(`http://127.0.0.1:${port}/`, { headers: { authorization: basic() } })
  const role = await startMonitor({ ...monitor, config })
  expect(await (await ask()).json()).toMatchObject({ monitor: 'SamaConso' })
  await expect(startMonitor({ ...monitor, config })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await role.stop()
  await expect(ask()).rejects.toThrow()
})
