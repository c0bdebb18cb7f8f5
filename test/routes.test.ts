import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App, RouteEntry } from '../src/http/index.ts'
import { businessRoutes } from '../src/roles/api.ts'
import { signedIn, type TestAccount, type TestServices, testApp, testServices } from './harness.ts'
import { type Belongings, furnish } from './world.ts'

/** Everything that answers without a token, on purpose. A new one is added here with open eyes. */
const PUBLIC = [
  'GET /',
  'GET /.well-known/jwks.json',
  'GET /docs/problems',
  'GET /health',
  'GET /health/live',
  'GET /health/ready',
  'GET /openapi.json',
  'GET /v1/agencies',
  // The first message of a socket carries the token, never its address.
  'GET /v1/realtime',
  'POST /v1/auth/otp',
  'POST /v1/auth/pin-reset',
  'POST /v1/auth/register',
  'POST /v1/auth/token',
]

let services: TestServices
let app: App
let owner: TestAccount
let mine: Belongings
let stranger: TestAccount
let foreignAgent: TestAccount
let routes: RouteEntry[]

beforeAll(async () => {
  services = await testServices({ env: { LIMIT_PER_ACCOUNT: '100000', LIMIT_PER_NETWORK: '100000' } })
  app = await testApp(services, instance => businessRoutes(instance, services, services.tokens))
  owner = await signedIn(services, { firstName: 'Proprietaire', lastName: 'Unique' })
  mine = await furnish(services, owner, 7)
  stranger = await signedIn(services)
  foreignAgent = await signedIn(services, { role: 'agent', agencyId: 33 })
  routes = app.routeTable.filter(route => !route.url.startsWith('/docs/') || route.url === '/docs/problems')
})
afterAll(async () => {
  await app.close()
  await services.close()
})

const call = (route: RouteEntry, url: string, authorization?: string) =>
  app.inject({
    method: route.method as 'GET',
    url,
    headers: {
      ...(authorization ? { authorization } : {}),
      'idempotency-key': 'walk-of-all-routes',
    },
    ...(route.method === 'GET' || route.method === 'DELETE' ? {} : { payload: {} }),
  })

/** The address of the owner's own object on this route. */
const ofOwner = (route: RouteEntry): string =>
  route.url.replace(/:(\w+)/g, (_, name: string) => {
    const id = mine.idFor(route.url, name)
    if (!id)
      throw new Error(`Tell test/world.ts which ${name} of the owner ${route.method} ${route.url} is about.`)
    return id
  })

/** What nobody else may ever see of the owner. */
const leaks = (text: string): string[] => mine.secrets.filter(secret => text.includes(secret))

describe('every route', () => {
  it('is documented with a summary, a tag, and examples of what goes in and comes out', () => {
    const holds = (schema: unknown) => /"(examples?|const|enum)":/.test(JSON.stringify(schema ?? 'enum": '))
    for (const { method, url, schema } of routes.filter(route => !route.schema.hide)) {
      const { summary, tags, body, response = {} } = schema as Record<string, never>
      expect([method, url, typeof summary, Array.isArray(tags)]).toEqual([method, url, 'string', true])
      const answers = Object.entries(response).filter(
        ([status]) => status.startsWith('2') && status !== '204',
      )
      for (const part of [...(body ? [body] : []), ...answers.map(([, answer]) => answer)]) {
        expect(holds(part), `examples of ${method} ${url}`).toBe(true)
      }
    }
  })

  it('is public only where that was decided', () => {
    const open = routes.filter(route => route.access === 'public' && !route.url.startsWith('/docs'))
    const found = [...open.map(route => `${route.method} ${route.url}`), 'GET /docs/problems']
    expect(found.sort()).toEqual(PUBLIC)
  })

  it('gives an anonymous caller nothing', async () => {
    for (const route of routes.filter(entry => entry.access !== 'public')) {
      for (const authorization of [undefined, 'Bearer a.b.c', 'Basic YWRtaW46YWRtaW4=']) {
        const answer = await call(route, ofOwner(route), authorization)
        expect([route.method, route.url, answer.statusCode]).toEqual([route.method, route.url, 401])
        expect(leaks(answer.body)).toEqual([])
      }
    }
  })

  it('gives a customer nothing of the staff’s', async () => {
    for (const route of routes.filter(entry => entry.access === 'staff' || entry.access === 'admin')) {
      const answer = await call(route, ofOwner(route), stranger.authorization)
      expect([route.method, route.url, answer.statusCode]).toEqual([route.method, route.url, 403])
      expect(leaks(answer.body)).toEqual([])
    }
  })

  it('gives another customer nothing of the owner’s: as if it did not exist', async () => {
    for (const route of routes.filter(entry => entry.access === 'customer' || entry.access === 'anyone')) {
      const answer = await call(route, ofOwner(route), stranger.authorization)
      expect(leaks(answer.body)).toEqual([])
      if (!route.url.includes(':')) continue
      // A body that its route would refuse is refused before anybody looks whose object it is.
      expect([route.method, route.url, [404, 422].includes(answer.statusCode)]).toEqual([
        route.method,
        route.url,
        true,
      ])
      if (answer.statusCode === 422) expect(route.schema.body, `${route.method} ${route.url}`).toBeDefined()
    }
  })

  it('gives an agent of another agency nothing of the owner’s', async () => {
    for (const route of routes.filter(entry => entry.access === 'staff')) {
      const url = ofOwner(route)
      const answers = [await call(route, url, foreignAgent.authorization)]
      if (route.method === 'GET' && route.url.endsWith('/customers')) {
        for (const query of [mine.phone, mine.meterNumber, 'Proprietaire', 'Unique']) {
          answers.push(
            await call(route, `${url}?query=${encodeURIComponent(query)}`, foreignAgent.authorization),
          )
        }
      }
      for (const answer of answers) {
        expect(leaks(answer.body), `${route.method} ${route.url}`).toEqual([])
        if (route.url.includes(':')) {
          expect([route.method, route.url, [404, 422].includes(answer.statusCode)]).toEqual([
            route.method,
            route.url,
            true,
          ])
        }
      }
    }
  })

  it('gives agents nothing that is for administrators alone', async () => {
    for (const route of routes.filter(entry => entry.access === 'admin')) {
      const answer = await call(route, ofOwner(route), foreignAgent.authorization)
      expect([route.method, route.url, answer.statusCode]).toEqual([route.method, route.url, 403])
    }
  })

  it('left everything of the owner as it was', async () => {
    expect(await mine.fingerprint()).toBe(mine.before)
  })
})
