import { Type } from 'typebox'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { signedIn, type TestAccount, type TestServices, testApp, testServices } from '../../test/harness.ts'
import type { Access, App } from './index.ts'

let services: TestServices
let app: App
let customer: TestAccount
let agent: TestAccount
let admin: TestAccount

const ACCESSES: Access[] = ['public', 'anyone', 'customer', 'staff', 'admin']

beforeAll(async () => {
  services = await testServices({ env: { LIMIT_PER_ACCOUNT: '5', LIMIT_PER_NETWORK: '8' } })
  app = await testApp(services, app => {
    for (const access of ACCESSES) {
      app.get(`/v1/${access}`, { config: { access } }, request => ({ caller: request.caller }))
    }
    app.post(
      '/v1/customer',
      { config: { access: 'customer' }, schema: { body: Type.Object({ n: Type.Integer() }) } },
      () => ({}),
    )
  })
})
// Everyone begins each test with their whole allowance.
beforeEach(async () => {
  services.clock.advance(120_000)
  customer = await signedIn(services)
  agent = await signedIn(services, { role: 'agent', agencyId: 3 })
  admin = await signedIn(services, { role: 'admin' })
})
afterAll(async () => {
  await app.close()
  await services.close()
})

const get = (url: string, authorization?: string, ip = '192.0.2.1') =>
  app.inject({ url, remoteAddress: ip, headers: authorization ? { authorization } : {} })

describe('who may call', () => {
  it.each([
    ['public', 'nobody customer agent admin'],
    ['anyone', 'customer agent admin'],
    ['customer', 'customer'],
    ['staff', 'agent admin'],
    ['admin', 'admin'],
  ])('a route for %s: %s', async (access, allowed) => {
    const people = { nobody: undefined, customer, agent, admin }
    for (const [name, person] of Object.entries(people)) {
      const { statusCode } = await get(`/v1/${access}`, person?.authorization)
      const expected = allowed.split(' ').includes(name) ? 200 : person ? 403 : 401
      expect([name, statusCode]).toEqual([name, expected])
    }
  })

  it('a route is told who calls', async () => {
    expect((await get('/v1/anyone', agent.authorization)).json()).toEqual({
      caller: { id: agent.id, role: 'agent', agencyId: 3, sessionId: agent.sessionId },
    })
  })

  it('a public route reads no token at all', async () => {
    expect((await get('/v1/public', 'Bearer nonsense')).json()).toEqual({ caller: null })
  })

  it.each([
    ['nothing', undefined],
    ['another scheme', 'Basic YWRtaW46YWRtaW4='],
    ['an empty token', 'Bearer '],
    ['nonsense', 'Bearer a.b.c'],
    ['two tokens', 'Bearer a.b.c a.b.c'],
    ['a very long token', `Bearer a.${'b'.repeat(7_000)}.c`],
  ])('%s instead of a token is 401, not who may not', async (_, authorization) => {
    const answer = await get('/v1/admin', authorization)
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'unauthenticated'])
  })

  it('is asked before the body is looked at', async () => {
    const call = (authorization?: string) =>
      app.inject({
        method: 'POST',
        url: '/v1/customer',
        payload: '{ malformed',
        headers: { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) },
      })
    expect((await call()).statusCode).toBe(401)
    expect((await call(admin.authorization)).statusCode).toBe(403)
    expect((await call(customer.authorization)).statusCode).toBe(400)
  })

  it('a session that was revoked is refused at once, as ended', async () => {
    const leaving = await signedIn(services)
    expect((await get('/v1/anyone', leaving.authorization)).statusCode).toBe(200)
    services.tokens.revoke([leaving.sessionId])
    const answer = await get('/v1/anyone', leaving.authorization)
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'session_ended'])
  })
})

describe('how often', () => {
  const statuses = async (count: number, call: () => ReturnType<typeof get>) => {
    const answers = []
    for (let i = 0; i < count; i++) answers.push(await call())
    return answers
  }

  it('an account may, wherever it calls from, then 429 says when again', async () => {
    const answers = await statuses(6, () =>
      get('/v1/anyone', customer.authorization, `192.0.2.${Math.random()}`),
    )
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200, 200, 429])
    expect(answers.map(({ headers }) => headers['ratelimit-remaining'])).toEqual([
      '4',
      '3',
      '2',
      '1',
      '0',
      '0',
    ])
    const last = answers[5]
    expect(last?.headers).toMatchObject({
      'ratelimit-limit': '5',
      'content-type': 'application/problem+json',
    })
    expect(last?.json().code).toBe('rate_limited')
    const seconds = Number(last?.headers['retry-after'])
    expect(seconds).toBeGreaterThanOrEqual(1)
    services.clock.advance(seconds * 1_000)
    expect((await get('/v1/anyone', customer.authorization)).statusCode).toBe(200)
  })

  it('is each account’s own', async () => {
    await statuses(6, () => get('/v1/anyone', customer.authorization))
    expect((await get('/v1/anyone', agent.authorization)).statusCode).toBe(200)
  })

  it('a network without an account may, apart from those who are signed in', async () => {
    const answers = await statuses(9, () => get('/v1/public', undefined, '192.0.2.50'))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([...Array(8).fill(200), 429])
    expect((await get('/v1/anyone', customer.authorization, '192.0.2.50')).statusCode).toBe(200)
    expect((await get('/v1/public', undefined, '192.0.2.51')).statusCode).toBe(200)
  })

  it('what does not exist counts as well', async () => {
    const answers = await statuses(9, () => get('/v1/nothing', undefined, '192.0.2.60'))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([...Array(8).fill(404), 429])
  })

  it('comes after who: 401 first, and guessing tokens is limited too', async () => {
    const answers = await statuses(9, () => get('/v1/anyone', 'Bearer a.b.c', '192.0.2.70'))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([...Array(8).fill(401), 429])
  })

  it('a token that merely ended uses nothing up, its owner comes back with a new one', async () => {
    const old = await signedIn(services)
    services.clock.advance(31 * 60_000)
    const answers = await statuses(20, () => get('/v1/anyone', old.authorization, '192.0.2.80'))
    expect(new Set(answers.map(answer => answer.json().code))).toEqual(new Set(['session_ended']))
    expect((await get('/v1/public', undefined, '192.0.2.80')).statusCode).toBe(200)
  })

  it('comes before whether: a refused call counts', async () => {
    const someone = await signedIn(services)
    const answers = await statuses(6, () => get('/v1/admin', someone.authorization))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([403, 403, 403, 403, 403, 429])
  })

  it('health is never counted', async () => {
    const answers = await statuses(30, () => get('/health', undefined, '192.0.2.90'))
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]))
  })
})

describe('the client’s address', () => {
  it('is that of the connection, whatever a header says, unless a configured balancer says it', async () => {
    const forwarded = (app: App, from: string) =>
      app.inject({ url: '/v1/ip', remoteAddress: from, headers: { 'x-forwarded-for': '198.51.100.7' } })
    const register = (app: App) => {
      app.get('/v1/ip', { config: { access: 'public' } }, request => ({ ip: request.ip }))
    }
    const plain = await testApp(services, register)
    expect((await forwarded(plain, '192.0.2.1')).json()).toEqual({ ip: '192.0.2.1' })
    const behind = await testApp(services, register, { trustedBalancers: ['192.0.2.1'] })
    expect((await forwarded(behind, '192.0.2.1')).json()).toEqual({ ip: '198.51.100.7' })
    expect((await forwarded(behind, '192.0.2.2')).json()).toEqual({ ip: '192.0.2.2' })
    await Promise.all([plain.close(), behind.close()])
  })
})

describe('answers', () => {
  it('are not kept by anybody on the way, nor guessed at', async () => {
    for (const answer of [await get('/v1/anyone', customer.authorization), await get('/v1/nothing')]) {
      expect(answer.headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      })
    }
  })
})

describe('a route', () => {
  const build = (register: (app: App) => void) => testApp(services, register)

  it('that does not say who may call it does not start', async () => {
    await expect(build(app => void app.get('/v1/open', () => ({})))).rejects.toThrow(
      'Route GET /v1/open does not say who may call it.',
    )
    await expect(build(app => void app.get('/docsecret', () => ({})))).rejects.toThrow('who may call')
  })

  it('that asks for a caller cannot go round the gate', async () => {
    const config = { access: 'admin', limited: false } as const
    await expect(build(app => void app.get('/v1/x', { config }, () => ({})))).rejects.toThrow(
      'needs the gate',
    )
  })

  it('is in the table that tests walk, once, with its access', () => {
    expect(app.routeTable.filter(({ url }) => url === '/v1/staff')).toMatchObject([
      { method: 'GET', access: 'staff' },
    ])
    expect(app.routeTable.every(({ access }) => ACCESSES.includes(access))).toBe(true)
  })

  it('is as closed to HEAD as to GET', async () => {
    const head = (authorization?: string) =>
      app.inject({ method: 'HEAD', url: '/v1/admin', headers: authorization ? { authorization } : {} })
    expect((await head()).statusCode).toBe(401)
    expect((await head(customer.authorization)).statusCode).toBe(403)
    expect((await head(admin.authorization)).statusCode).toBe(200)
  })
})
