import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestServices, testApp, testServices } from '../../test/harness.ts'
import { PROBLEMS } from '../lib/problems.ts'
import { type App, Id, Nullable, Page, PageQuery, Strict } from './index.ts'

let services: TestServices
let app: App
// biome-ignore lint/suspicious/noExplicitAny: a document that the test reads as any client does.
let document: any

beforeAll(async () => {
  services = await testServices()
  app = await testApp(services, app => {
    const Thing = Type.Object({ id: Id, name: Nullable(Type.String({ examples: ['Awa'] })) })
    app.get(
      '/v1/things/:id',
      {
        config: { access: 'customer' },
        schema: {
          tags: ['things'],
          summary: 'A thing',
          params: Strict({ id: Id }),
          response: { 200: Thing },
        },
      },
      request => ({ id: request.params.id, name: null }),
    )
    app.get(
      '/v1/things',
      {
        config: { access: 'public' },
        schema: {
          tags: ['things'],
          summary: 'Things',
          querystring: PageQuery,
          response: { 200: Page(Thing) },
        },
      },
      () => ({ items: [], nextCursor: null }),
    )
    app.post(
      '/v1/things',
      {
        config: { access: 'admin' },
        schema: {
          tags: ['things'],
          summary: 'Makes one',
          body: Strict({ name: Type.String() }),
          response: { 201: Thing },
        },
      },
      (_request, reply) => {
        reply.code(201)
        return { id: '0', name: null }
      },
    )
  })
  const answer = await app.inject('/openapi.json')
  expect(answer.statusCode).toBe(200)
  document = answer.json()
})
afterAll(async () => {
  await app.close()
  await services.close()
})

// biome-ignore lint/suspicious/noExplicitAny: see above.
const operations = (): any[] =>
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  Object.entries<any>(document.paths).flatMap(([path, item]) =>
    // biome-ignore lint/suspicious/noExplicitAny: see above.
    Object.entries<any>(item).map(([method, operation]) => ({ path, method, ...operation })),
  )

describe('/openapi.json', () => {
  it('is OpenAPI 3.1 with what it must have', () => {
    expect(document.openapi).toBe('3.1.0')
    expect(document.info).toMatchObject({
      title: 'SamaConso',
      version: '0.0.0',
      license: { name: 'Apache-2.0' },
    })
    expect(document.security).toEqual([{ bearer: [] }])
    expect(document.components.securitySchemes.bearer).toMatchObject({ type: 'http', scheme: 'bearer' })
    for (const path of Object.keys(document.paths)) expect(path).toMatch(/^\/[^:]*$/)
  })

  it('says of every operation who may call it, what it is, and how it fails', () => {
    expect(operations().length).toBeGreaterThanOrEqual(6)
    for (const { path, method, ...operation } of operations()) {
      const where = `${method} ${path}`
      expect(operation['x-access'], where).toMatch(/^(public|anyone|customer|staff|admin)$/)
      expect(operation.summary, where).toBeTruthy()
      expect(operation.tags?.length, where).toBe(1)
      expect(operation.security, where).toEqual(operation['x-access'] === 'public' ? [] : undefined)
      expect(operation.responses.default, where).toMatchObject({
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      })
      const successes = Object.keys(operation.responses).filter(status => status.startsWith('2'))
      expect(successes, where).toHaveLength(1)
    }
  })

  it('has every parameter of every path', () => {
    for (const { path, parameters = [] } of operations()) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const declared = parameters.filter((one: { in: string }) => one.in === 'path')
      expect(declared.map((one: { name: string }) => one.name)).toEqual(named)
      for (const parameter of declared) expect(parameter.required).toBe(true)
    }
  })

  it('has schemas of JSON Schema 2020-12: no nullable, every reference leads somewhere', () => {
    const text = JSON.stringify(document)
    expect(text).not.toContain('"nullable"')
    for (const [, name] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
      expect(Object.keys(document.components.schemas)).toContain(name)
    }
    const thing = document.paths['/v1/things/{id}'].get.responses['200'].content['application/json'].schema
    expect(thing.properties.name).toEqual({
      anyOf: [{ type: 'string', examples: ['Awa'] }, { type: 'null' }],
    })
  })

  it('lists every stable code of a problem', () => {
    expect(document.components.schemas.Problem.properties.code.enum).toEqual(Object.keys(PROBLEMS))
  })

  it('leaves the pages about itself out', () => {
    expect(Object.keys(document.paths).filter(path => /^\/(docs|openapi|$)/.test(path))).toEqual([])
  })
})

describe('/docs', () => {
  const page = async (url: string) => {
    const answer = await app.inject(url)
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['content-type']).toContain('text/html')
    return answer
  }

  it('is where the front door leads', async () => {
    expect((await app.inject('/')).headers.location).toBe('/docs/')
    expect((await app.inject('/docs')).headers.location).toBe('/docs/')
  })

  it('shows the document, and loads nothing from other hosts', async () => {
    const { body, headers } = await page('/docs/')
    expect(body).toContain('"url": "/openapi.json"')
    const loaded = [...body.matchAll(/(?:src|href)\s*=\s*["']([^"']+)/g)].map(([, address]) => address)
    expect(loaded).toEqual(['js/scalar.js'])
    expect(body).not.toMatch(/https?:\/\//)
    // The script is large; whatever it may try, the browser is told to load nothing else.
    expect(headers['content-security-policy']).toContain("default-src 'self'")
    expect(headers['content-security-policy']).not.toMatch(/https?:|\*/)
    const script = await app.inject('/docs/js/scalar.js')
    expect(script.statusCode).toBe(200)
    expect(script.body.length).toBeGreaterThan(100_000)
  })

  it('explains every code at the address that problems give', async () => {
    const { body } = await page('/docs/problems')
    for (const code of Object.keys(PROBLEMS)) expect(body).toContain(`id="${code}"`)
    const problem = (await app.inject('/v1/nothing')).json()
    expect(problem.type).toBe('/docs/problems#not_found')
    expect(body).not.toMatch(/(src|href)=/)
  })

  it('with a Host that is none is malformed, not an error of ours', async () => {
    const answer = await app.inject({ url: '/docs', headers: { host: '[::1' } })
    expect(answer.statusCode).toBe(400)
  })
})

describe('/.well-known/jwks.json', () => {
  it('publishes the public half of the key and nothing of the private one', async () => {
    const { keys } = (await app.inject('/.well-known/jwks.json')).json()
    expect(keys).toEqual([
      {
        kty: 'OKP',
        crv: 'Ed25519',
        alg: 'EdDSA',
        use: 'sig',
        x: expect.any(String),
        kid: expect.any(String),
      },
    ])
  })
})
