import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App, RouteEntry } from '../src/http/index.ts'
import { PROBLEMS } from '../src/lib/problems.ts'
import { businessRoutes } from '../src/roles/api.ts'
import { signedIn, type TestServices, testApp, testServices } from './harness.ts'
import { fitting, hostile, toJson } from './hostile.ts'
import { type Belongings, furnish } from './world.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 150)
/** Words of the inside that no answer may hold. */
const INSIDE =
  /node_modules|\.ts:\d|\bat \w+ \(|syntax error|relation "|violates|duplicate key|invalid input syntax|ECONN|pg_|stack|undefined is not|Cannot read/i

let services: TestServices
let app: App
let mine: Belongings
const authorizations: Record<string, string> = {}

beforeAll(async () => {
  const limits = {
    LIMIT_PER_ACCOUNT: '1000000',
    LIMIT_PER_NETWORK: '1000000',
    LIMIT_SIGN_INS_PER_NETWORK: '1000000',
    LIMIT_SMS_PER_DAY: '1000000',
    LIMIT_SMS_PER_PREFIX: '1000000',
  }
  services = await testServices({
    env: limits,
    backoffice: {
      prepaidMeter: async () => null,
      postpaidAccount: async () => null,
      topups: async () => [],
      topupsSince: async () => [],
      topupMonths: async () => [],
      bills: async () => [],
      billMonths: async () => [],
      state: () => ({ sic: 'ok', postpaid: 'ok' }),
      close: async () => undefined,
    },
  })
  app = await testApp(services, instance => businessRoutes(instance, services, services.tokens))
  const customer = await signedIn(services)
  mine = await furnish(services, customer, 7)
  authorizations.customer = customer.authorization
  authorizations.anyone = customer.authorization
  authorizations.admin = (await signedIn(services, { role: 'admin' })).authorization
  authorizations.staff = authorizations.admin
})
afterAll(async () => {
  await app.close()
  await services.close()
})

interface Call {
  params: Record<string, unknown>
  query: unknown
  body: unknown
  useOwn: boolean
}

const calls = ({ schema }: RouteEntry): fc.Arbitrary<Call> =>
  fc.record({
    params: fitting((schema.params ?? { type: 'object' }) as never) as fc.Arbitrary<Record<string, unknown>>,
    query: hostile(schema.querystring as never),
    body: hostile(schema.body as never),
    useOwn: fc.boolean(),
  })

/** Any value as the text of an address. */
const asText = (value: unknown): string =>
  (typeof value === 'object' ? toJson(value) : String(value)).toWellFormed().slice(0, 2_000)

function address(route: RouteEntry, { params, query, useOwn }: Call): string {
  const path = route.url.replace(/:(\w+)/g, (_, name: string) => {
    const own = useOwn ? mine.idFor(route.url, name) : undefined
    return encodeURIComponent(own ?? asText(params[name] ?? 'x'))
  })
  if (!route.schema.querystring || typeof query !== 'object' || query === null) return path
  const search = new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, asText(value)]),
  )
  return `${path}?${search}`
}

async function send(route: RouteEntry, call: Call) {
  const hasBody = route.method !== 'GET' && route.method !== 'DELETE'
  return app.inject({
    method: route.method as 'GET',
    url: address(route, call),
    headers: {
      ...(authorizations[route.access] ? { authorization: authorizations[route.access] } : {}),
      ...(hasBody ? { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() } : {}),
    },
    ...(hasBody ? { payload: toJson(call.body) } : {}),
  })
}

function judge(answer: Awaited<ReturnType<typeof send>>): void {
  const { statusCode, body } = answer
  expect(statusCode, body.slice(0, 500)).toBeLessThan(500)
  expect(body).not.toMatch(INSIDE)
  if (statusCode < 400) return
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
  const problem = JSON.parse(body)
  expect(Object.keys(PROBLEMS)).toContain(problem.code)
  expect(problem.status).toBe(statusCode)
}

/** The failing call, readable: generated values can be huge. */
const shortReport = (route: RouteEntry) => (details: fc.RunDetails<[Call]>) => {
  if (!details.failed) return
  const [call] = details.counterexample ?? []
  const cause = details.errorInstance instanceof Error ? details.errorInstance.message : ''
  throw new Error(
    `${route.method} ${route.url} (seed ${details.seed}, path ${details.counterexamplePath}): ${toJson(call).slice(0, 1_500)}\n${cause.slice(0, 1_500)}`,
  )
}

describe('no call, however made, breaks a route or shows its inside', () => {
  // Signing out would end the session that the others need.
  const skipped = new Set(['POST /v1/auth/logout', 'DELETE /v1/me/sessions/:id'])

  it('calls from the schemas of all routes', { timeout: 300_000 }, async () => {
    const routes = app.routeTable.filter(
      route => !route.url.startsWith('/docs') && !skipped.has(`${route.method} ${route.url}`),
    )
    for (const route of routes) {
      await fc.assert(
        fc.asyncProperty(calls(route), async call => {
          judge(await send(route, call))
        }),
        {
          reporter: shortReport(route),
          numRuns: route.schema.body || route.schema.querystring || route.schema.params ? RUNS : 3,
        },
      )
    }
  })

  it.each([
    ['half a body', '{"phone": "+22177'],
    ['a body that is no JSON', 'phone=1&pin=2'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ['a deep body', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
    ['a body over the limit', JSON.stringify({ phone: 'x'.repeat(100_000) })],
    ['a prototype', '{"__proto__": {"role": "admin"}, "constructor": {"prototype": {}}}'],
    ['a hundred thousand keys', `{${Array.from({ length: 8_000 }, (_, i) => `"k${i}":1`).join()}}`],
  ])('%s', async (_, payload) => {
    for (const url of ['/v1/auth/otp', '/v1/auth/token', '/v1/auth/register']) {
      judge(
        await app.inject({ method: 'POST', url, headers: { 'content-type': 'application/json' }, payload }),
      )
    }
  })

  it('methods, encodings and headers nobody uses', async () => {
    for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
      judge(await app.inject({ method, url: '/v1/notifications' }))
    }
    for (const url of [
      '/v1/%',
      '/v1/%ff%fe',
      '/v1/notifications?limit=%zz',
      '//v1//me',
      `/v1/${'a'.repeat(5_000)}`,
    ]) {
      judge(await app.inject({ method: 'GET', url, headers: { authorization: authorizations.customer } }))
    }
    judge(
      await app.inject({
        method: 'GET',
        url: '/v1/me',
        headers: {
          authorization: `Bearer ${'a'.repeat(10_000)}`,
          'x-request-id': '\u00ff'.repeat(300),
          'accept-language': ',;q=*'.repeat(2_000),
        },
      }),
    )
  })
})
