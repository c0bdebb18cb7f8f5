import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createAuthority } from '../../simulators/authority.ts'
import { openPool, type Pool, type PoolOptions } from './pool.ts'

let tls: { key: string; cert: string }
let ca: string
beforeAll(async () => {
  const authority = await createAuthority()
  tls = await authority.issue()
  ca = authority.caPem
})

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

const readBody = (answer: Answer) => (request: IncomingMessage, response: ServerResponse) => {
  let body = ''
  request.on('data', chunk => {
    body += chunk
  })
  request.on('end', () => answer(request, response, body))
}

async function listen(server: Server | Http2SecureServer, port = 0) {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const close = () => {
    for (const socket of sockets) socket.destroy()
    return new Promise<void>(resolve => server.close(() => resolve()))
  }
  closing.push(close)
  const { port: at } = server.address() as AddressInfo
  return { port: at, origin: `https://127.0.0.1:${at}`, close, connections: () => connections }
}

const onlyHttp1 = (answer: Answer) => listen(createServer(tls, readBody(answer)))
const ok: Answer = (_request, response) => response.end('{}')

function open(origin: string, more: Partial<PoolOptions> = {}): Pool {
  const pool = openPool({
    origin,
    ca,
    proxy: undefined,
    path: '/send',
    contentType: 'application/json',
    connections: 2,
    http1Connections: 10,
    http1LifeMs: 60_000,
    mostStreams: 100,
    connectTimeoutMs: 2_000,
    pingTimeoutMs: 100,
    random: () => 0.5,
    onTrouble: () => undefined,
    ...more,
  })
  closing.push(() => pool.close())
  return pool
}

const push = (body = '{}', urgent = false) => ({ authorization: 'Bearer x', body: Buffer.from(body), urgent })
const answered = { kind: 'answered', status: 200, retryAfter: undefined, body: '' }
const many = (pool: Pool, count: number) =>
  Promise.all(Array.from({ length: count }, (_, i) => pool.post(push(`{"n":${i}}`), 5_000)))

test('without HTTP/2 many go side by side, on connections that are kept and never too many', async () => {
  const seen: string[] = []
  const server = await onlyHttp1((request, response, body) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization} ${body}`)
    setTimeout(() => response.end('{}'), 2)
  })
  const pool = open(server.origin)
  for (let i = 0; i < 3; i++) expect(await many(pool, 200)).toEqual(Array(200).fill(answered))
  expect(server.connections()).toBe(10)
  expect(new Set(seen).size).toBe(200)
  expect(seen[0]).toMatch(/^POST \/send Bearer x \{"n":\d+\}$/)
})

test('an error is read with its text and its Retry-After, and the connection serves on', async () => {
  const server = await onlyHttp1((_request, response) =>
    response.writeHead(503, { 'retry-after': '7' }).end('{"error":1}'),
  )
  const pool = open(server.origin)
  const refused = { kind: 'answered', status: 503, retryAfter: '7', body: '{"error":1}' }
  expect(await pool.post(push(), 5_000)).toEqual(refused)
  const before = server.connections()
  expect(await pool.post(push(), 5_000)).toEqual(refused)
  expect(server.connections()).toBe(before)
})

test('a connection that breaks before the answer leaves its request in doubt, and no other', async () => {
  const server = await onlyHttp1((request, response, body) => {
    if (body === 'poison') request.socket.destroy()
    else setTimeout(() => response.end('{}'), 20)
  })
  const pool = open(server.origin)
  const others = many(pool, 30)
  expect(await pool.post(push('poison'), 5_000)).toMatchObject({ kind: 'lost' })
  expect(await others).toEqual(Array(30).fill(answered))
})

test('no answer in time is lost, what never got a connection is not', async () => {
  const server = await onlyHttp1(() => undefined)
  const pool = open(server.origin, { http1Connections: 3 })
  const kinds = (await Promise.all(Array.from({ length: 8 }, () => pool.post(push(), 2_000)))).map(
    ({ kind }) => kind,
  )
  expect(kinds.filter(kind => kind === 'lost')).toHaveLength(3)
  expect(kinds.filter(kind => kind === 'unreached')).toHaveLength(5)
})

test('an urgent push passes those that wait', async () => {
  const order: string[] = []
  const server = await onlyHttp1((_request, response, body) => {
    order.push(body)
    setTimeout(() => response.end('{}'), 10)
  })
  const pool = open(server.origin, { http1Connections: 1, connections: 1 })
  const usual = Array.from({ length: 50 }, (_, i) => pool.post(push(String(i)), 20_000))
  await vi.waitFor(() => expect(order.length).toBeGreaterThan(0))
  const before = order.length
  await Promise.all([...usual, pool.post(push('urgent', true), 20_000)])
  // One may be on its way already.
  expect(order.indexOf('urgent')).toBeLessThanOrEqual(before + 1)
})

test('HTTP/2 is taken again when it is there again, and left when it is gone', async () => {
  const first = await onlyHttp1(ok)
  const pool = open(first.origin, { http1LifeMs: 1_000 })
  await many(pool, 50)
  await first.close()

  const versions: string[] = []
  const note: Answer = (request, response) => {
    versions.push(request.httpVersion)
    response.end('{}')
  }
  const both = createSecureServer({ ...tls, allowHTTP1: true })
  // The compatibility layer has requests of its own class, alike in what is used here.
  both.on('request', (request, response) =>
    readBody(note)(request as unknown as IncomingMessage, response as unknown as ServerResponse),
  )
  const second = await listen(both, first.port)
  await vi.waitFor(async () => {
    expect((await pool.post(push(), 3_000)).kind).toBe('answered')
  }, 15_000)
  await many(pool, 50)
  expect(new Set(versions)).toEqual(new Set(['2.0']))
  expect(second.connections()).toBeLessThanOrEqual(4)
  await second.close()

  const third = await listen(createServer(tls, readBody(note)), first.port)
  await vi.waitFor(async () => {
    expect((await pool.post(push(), 3_000)).kind).toBe('answered')
  }, 15_000)
  expect(versions.at(-1)).toBe('1.1')
  expect(await many(pool, 50)).toEqual(Array(50).fill(answered))
  expect(third.connections()).toBeGreaterThan(2)
})

test('a connection is renewed after its time, between two requests', async () => {
  const server = await onlyHttp1(ok)
  const pool = open(server.origin, { http1LifeMs: 100, connections: 1, http1Connections: 1 })
  await vi.waitFor(async () => {
    expect(await pool.post(push(), 5_000)).toEqual(answered)
    expect(server.connections()).toBeGreaterThan(3)
  }, 15_000)
})

test('an answer without end is not read to it', async () => {
  const server = await onlyHttp1((_request, response) => {
    response.writeHead(500)
    const more = setInterval(() => response.write('x'.repeat(32_000)), 1)
    response.on('close', () => clearInterval(more))
  })
  expect(await open(server.origin).post(push(), 5_000)).toMatchObject({ kind: 'answered', status: 500 })
})

test('closing settles everything', async () => {
  const server = await onlyHttp1(() => undefined)
  const pool = open(server.origin, { http1Connections: 2 })
  const pending = Array.from({ length: 5 }, () => pool.post(push(), 400))
  await pool.close()
  for (const exchange of await Promise.all(pending)) expect(exchange.kind).toMatch(/unreached|lost/)
})
