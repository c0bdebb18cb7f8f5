import { connect } from 'node:net'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestServices, testApp, testServices } from '../../test/harness.ts'
import { Problem } from '../lib/problems.ts'
import type { Log } from '../observability/index.ts'
import { type App, Strict } from './index.ts'
import { languageOf } from './problem.ts'

let services: TestServices
let app: App
const logged: (Parameters<Log['error']>[0] & { level: string })[] = []
const SECRET = 'hunter2@192.0.2.7/secret-place'

beforeAll(async () => {
  services = await testServices({ env: { LIMIT_PER_NETWORK: '100000' } })
  const log = Object.fromEntries(
    ['debug', 'info', 'warn', 'error'].map(level => [
      level,
      (fields: { event: string }) => void logged.push({ ...fields, level }),
    ]),
  ) as unknown as Log
  app = await testApp(
    services,
    app => {
      const config = { access: 'public' } as const
      const body = Strict({
        name: Type.String({ maxLength: 5 }),
        device: Type.Optional(Strict({ id: Type.String() })),
        ids: Type.Optional(Type.Array(Type.Integer())),
      })
      app.post('/v1/things', { config, schema: { body } }, (request, reply) =>
        reply.code(201).send(request.body),
      )
      app.post('/v1/bare', { config }, (_request, reply) => reply.code(204).send())
      app.get(
        '/v1/things',
        { config, schema: { querystring: Strict({ limit: Type.Optional(Type.Integer({ maximum: 100 })) }) } },
        request => ({ limit: request.query.limit }),
      )
      app.get('/v1/things/:id', { config }, request => request.params)
      app.get('/v1/crash', { config }, () => {
        throw Object.assign(new Error(SECRET), { code: 'SECRET', detail: SECRET, statusCode: 500 })
      })
      app.get('/v1/reject', { config }, () => Promise.reject(new TypeError(SECRET)))
      app.get('/v1/text', { config }, () => Promise.reject(SECRET))
      app.get('/v1/away', { config }, () =>
        services.db.query('select pg_terminate_backend(pg_backend_pid())'),
      )
      app.get('/v1/problem', { config }, () => {
        throw new Problem('conflict', {
          cause: new Error(SECRET),
          detail: { fr: 'Déjà fait.', en: 'Done already.' },
          retryAfter: 1.2,
        })
      })
      app.get(
        '/v1/undeclared',
        { config, schema: { response: { 200: Type.Object({ shown: Type.String() }) } } },
        () => ({ shown: 'yes', hidden: SECRET }),
      )
      app.get(
        '/v1/unserializable',
        { config, schema: { response: { 200: Type.Object({ shown: Type.String() }) } } },
        () => ({ hidden: SECRET }) as never,
      )
    },
    { log },
  )
})
afterAll(async () => {
  await app.close()
  await services.close()
})

const post = (payload: string | Buffer, contentType = 'application/json', url = '/v1/things') =>
  app.inject({ method: 'POST', url, payload, headers: { 'content-type': contentType } })

/** Every error answer looks like this, whatever went wrong. */
function expectProblem(answer: Awaited<ReturnType<App['inject']>>, status: number, code: string) {
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([status, 'application/problem+json'])
  const body = answer.json()
  expect(body).toMatchObject({ type: `/docs/problems#${code}`, status, code })
  expect(body.title.length).toBeGreaterThan(3)
  expect(body.requestId).toBe(answer.headers['x-request-id'])
  expect(answer.body).not.toContain('hunter2')
  expect(answer.body).not.toContain('node_modules')
  return body
}

describe('a request that cannot be read', () => {
  it.each([['{'], ['{"name": "x",}'], ["{'name': 'x'}"], ['\0'], ['"\\ud800"x'], ['{"name": "x"} trailing']])(
    'malformed JSON %j is 400',
    async text => {
      expectProblem(await post(text), 400, 'malformed')
    },
  )

  it.each([
    '{"name":"x","__proto__":{"admin":true}}',
    '{"name":"x","device":{"id":"1","__proto__":null}}',
    '{"name":"x","constructor":{"prototype":{"admin":true}}}',
    '{"name":"x","\\u005f_proto__":{}}',
  ])('a key that poisons prototypes is 400: %s', async text => {
    expectProblem(await post(text), 400, 'malformed')
    expect(({} as { admin?: boolean }).admin).toBeUndefined()
  })

  it('characters that cannot be stored are 400, in the body and in the address', async () => {
    expectProblem(await post('{"name":"a\\u0000"}'), 400, 'malformed')
    expectProblem(await post('{"name":"\\ud83d"}'), 400, 'malformed')
    expectProblem(await app.inject('/v1/things/a%00b'), 400, 'malformed')
    expect((await post('{"name":"\\ud83d\\ude00"}')).statusCode).toBe(201)
  })

  it('an address that cannot be decoded is 400', async () => {
    expectProblem(await app.inject('/v1/things/%ZZ'), 400, 'malformed')
    expectProblem(await app.inject('/v1/things/%E0%A4%A'), 400, 'malformed')
  })

  it('an identifier that is longer than any is 404', async () => {
    expectProblem(await app.inject(`/v1/things/${'x'.repeat(3_000)}`), 404, 'not_found')
  })

  it('a body that is too large is 413, however it comes', async () => {
    expectProblem(await post(JSON.stringify({ name: 'x'.repeat(70_000) })), 413, 'too_large')
    expectProblem(await post(Buffer.alloc(10_000_000, 0x20)), 413, 'too_large')
    const announced = await app.inject({
      method: 'POST',
      url: '/v1/things',
      payload: '{}',
      headers: { 'content-type': 'application/json', 'content-length': '99999999' },
    })
    expectProblem(announced, 413, 'too_large')
  })

  it.each([
    'text/plain',
    'text/html',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'garbage',
    'application/xml',
  ])('a body of type %s is 415', async type => {
    expectProblem(await post('{"name":"x"}', type), 415, 'unsupported_media_type')
  })

  it('JSON with its charset is JSON', async () => {
    expect((await post('{"name":"é"}', 'application/json; charset=utf-8')).statusCode).toBe(201)
  })

  it('an empty body is missing where one is needed, and nothing where none is', async () => {
    expectProblem(await post(''), 422, 'invalid')
    expectProblem(await app.inject({ method: 'POST', url: '/v1/things' }), 422, 'invalid')
    expect((await post('', 'application/json', '/v1/bare')).statusCode).toBe(204)
  })

  it('nested deeper than anyone needs is answered, not a crash', async () => {
    const deep = (open: string, close: string) => open.repeat(10_000) + close.repeat(10_000)
    expectProblem(await post(deep('[', ']')), 422, 'invalid')
    expectProblem(await post(`{"name":${deep('[', ']')}}`), 422, 'invalid')
    expectProblem(await post(deep('{"a":', '}').replace('}', '1}')), 422, 'invalid')
  })

  it('that is not even HTTP is answered alike, and hung up', async () => {
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as { port: number }
    const raw = (text: string) =>
      new Promise<string>((done, fail) => {
        let answer = ''
        const socket = connect(port, '127.0.0.1', () => socket.write(text))
        socket.on('data', chunk => {
          answer += chunk
        })
        socket.on('end', () => done(answer))
        socket.on('error', fail)
      })
    const huge = `GET / HTTP/1.1\r\nhost: x\r\nx-large: ${'x'.repeat(100_000)}\r\n\r\n`
    for (const text of ['NONSENSE\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', huge]) {
      const answer = await raw(text)
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      expect(answer).toContain('content-type: application/problem+json')
      expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ status: 400, code: 'malformed' })
    }
  })
})

describe('a request against its schema', () => {
  const fields = async (payload: unknown) => {
    const body = expectProblem(await post(JSON.stringify(payload)), 422, 'invalid')
    return (body.errors as { field: string; message: string }[]).map(({ field }) => field)
  }

  it('is 422 with every field that is at fault', async () => {
    expect(await fields({ name: 5 })).toEqual(['name'])
    expect(await fields({})).toEqual(['name'])
    expect(await fields({ name: 'too long', device: {}, ids: [1, 'x'] })).toEqual([
      'name',
      'device.id',
      'ids.1',
    ])
    expect(await fields([])).toEqual(['body'])
    expect(await fields('text')).toEqual(['body'])
    expect(await fields(null)).toEqual(['body'])
  })

  it('refuses unknown fields instead of dropping them', async () => {
    expect(await fields({ name: 'x', role: 'admin' })).toEqual(['role'])
    expect(await fields({ name: 'x', device: { id: '1', owner: 'me' } })).toEqual(['device.owner'])
  })

  it('bends no type of a body', async () => {
    expect(await fields({ name: 'x', ids: ['1'] })).toEqual(['ids.0'])
    expect(await fields({ name: true })).toEqual(['name'])
    expect(await fields({ name: null })).toEqual(['name'])
  })

  it('reads numbers in an address, and refuses what is none', async () => {
    expect((await app.inject('/v1/things?limit=20')).json()).toEqual({ limit: 20 })
    for (const [query, field] of [
      ['limit=abc', 'limit'],
      ['limit=1000', 'limit'],
      ['limit=1.5', 'limit'],
      ['limit=1e999', 'limit'],
      ['limit=-1e999', 'limit'],
      ['limit=1&limit=2', 'limit'],
      ['other=1', 'other'],
    ]) {
      const body = expectProblem(await app.inject(`/v1/things?${query}`), 422, 'invalid')
      expect(body.errors[0].field).toBe(field)
    }
  })

  it('tells a bounded number of faults', async () => {
    const body = expectProblem(
      await post(JSON.stringify({ name: 'x', ids: Array.from({ length: 5_000 }, () => 'x') })),
      422,
      'invalid',
    )
    expect(body.errors.length).toBeLessThanOrEqual(20)
  })
})

describe('what is not there', () => {
  it('is 404, with every method', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const) {
      expectProblem(await app.inject({ method, url: '/v1/nothing' }), 404, 'not_found')
    }
    expectProblem(await app.inject({ method: 'DELETE', url: '/v1/things' }), 404, 'not_found')
  })
})

describe('an error of ours', () => {
  it.each(['/v1/crash', '/v1/reject', '/v1/text', '/v1/unserializable'])(
    '%s is 500 without a trace of what it says, which the log has',
    async url => {
      logged.length = 0
      const answer = await app.inject(url)
      const body = expectProblem(answer, 500, 'internal')
      expect(Object.keys(body).sort()).toEqual(['code', 'requestId', 'status', 'title', 'type'])
      expect(logged.find(({ event }) => event === 'request_failed')).toMatchObject({
        level: 'error',
        requestId: answer.headers['x-request-id'],
        problem: 'internal',
      })
    },
  )

  it('shows nothing of an answer that its schema does not declare', async () => {
    expect((await app.inject('/v1/undeclared')).json()).toEqual({ shown: 'yes' })
  })

  it('a database that is away is 503 with Retry-After', async () => {
    const answer = await app.inject('/v1/away')
    expectProblem(answer, 503, 'unavailable')
    expect(answer.headers['retry-after']).toBe('2')
  })

  it('a problem that was meant shows its public words alone, with whole seconds to wait', async () => {
    const answer = await app.inject('/v1/problem')
    const body = expectProblem(answer, 409, 'conflict')
    expect(body.detail).toBe('Déjà fait.')
    expect(answer.headers['retry-after']).toBe('2')
  })
})

describe('the language of an answer', () => {
  it.each([
    [undefined, 'fr'],
    ['', 'fr'],
    ['en', 'en'],
    ['en-GB,en;q=0.9', 'en'],
    ['de, en;q=0.5', 'en'],
    ['de', 'fr'],
    ['wo-SN, fr', 'wo'],
    ['FR', 'fr'],
    [`${'x,'.repeat(10_000)}en`, 'fr'],
  ])('for %j is %s', (header, language) => {
    expect(languageOf(header)).toBe(language)
  })

  it('is that of titles and details', async () => {
    const ask = async (language: string) =>
      (await app.inject({ url: '/v1/problem', headers: { 'accept-language': language } })).json()
    expect(await ask('en')).toMatchObject({
      title: 'This conflicts with the current state',
      detail: 'Done already.',
    })
    expect(await ask('fr')).toMatchObject({
      title: 'Cette action contredit l’état actuel',
      detail: 'Déjà fait.',
    })
    expect(await ask('wo')).toMatchObject({ detail: 'Déjà fait.' })
  })
})

describe('the request’s id', () => {
  const idOf = async (given?: string) => {
    const answer = await app.inject({
      url: '/v1/things',
      headers: given === undefined ? {} : { 'x-request-id': given },
    })
    return answer.headers['x-request-id'] as string
  }

  it('that a client gives comes back, and is in the log', async () => {
    logged.length = 0
    expect(await idOf('trace-1234.5:6_7')).toBe('trace-1234.5:6_7')
    expect(logged).toMatchObject([{ event: 'request', requestId: 'trace-1234.5:6_7', status: 200 }])
  })

  it.each([
    'short',
    'x'.repeat(65),
    'with space 123',
    'quote"quote',
    'é'.repeat(10),
    '<script>alert</script>',
    'a;b=c&d=e%20',
  ])('that is not one (%s) is replaced', async given => {
    expect(await idOf(given)).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('is made anew for each request that has none', async () => {
    expect(await idOf()).not.toBe(await idOf())
  })
})
