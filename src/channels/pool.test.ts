import { constants, createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
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

async function listen(server: Http2SecureServer | Server): Promise<string> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise(resolve => server.close(resolve))
  })
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function serve(maxConcurrentStreams = 100): { server: Http2SecureServer; sessions: ServerHttp2Session[] } {
  const server = createSecureServer({ ...tls, settings: { maxConcurrentStreams } })
  const sessions: ServerHttp2Session[] = []
  server.on('session', session => sessions.push(session))
  // Refused and abandoned streams are what these tests are about.
  server.on('stream', stream => stream.on('error', () => stream.destroy()))
  return { server, sessions }
}

function open(origin: string, more: Partial<PoolOptions> = {}): Pool {
  const pool = openPool({
    origin,
    ca,
    proxy: undefined,
    path: '/',
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

const request = { authorization: 'Bearer x', body: Buffer.from('{}'), urgent: false }
const answered = { kind: 'answered', status: 200, retryAfter: undefined, body: '' }

test('the peer’s limit of streams is obeyed, and what waits is sent in turn', async () => {
  const { server } = serve(5)
  let most = 0
  let open1 = 0
  server.on('stream', stream => {
    most = Math.max(most, ++open1)
    setImmediate(() => {
      open1 -= 1
      stream.respond({ ':status': 200 })
      stream.end('{}')
    })
  })
  const pool = open(await listen(server), { connections: 1 })
  const outcomes = await Promise.all(Array.from({ length: 300 }, () => pool.post(request, 5_000)))
  expect(outcomes).toEqual(outcomes.map(() => answered))
  expect(most).toBeLessThanOrEqual(5)
})

test('a refused stream is sent again by itself, and given up after a few times', async () => {
  const { server } = serve()
  let refusals = 2
  server.on('stream', stream => {
    if (refusals-- > 0) stream.close(constants.NGHTTP2_REFUSED_STREAM)
    else {
      stream.respond({ ':status': 200 })
      stream.end()
    }
  })
  const pool = open(await listen(server))
  expect(await pool.post(request, 5_000)).toEqual(answered)
  refusals = 100
  expect(await pool.post(request, 5_000)).toMatchObject({ kind: 'unreached' })
})

test('half an answer is none: a connection that ends in the middle of one', async () => {
  const { server } = serve()
  server.on('stream', stream => {
    stream.respond({ ':status': 403 })
    stream.write('{"error":')
    setTimeout(() => stream.session?.destroy(), 50)
  })
  const pool = open(await listen(server))
  expect(await pool.post(request, 5_000)).toMatchObject({ kind: 'lost' })
})

test('nor is one that a reset without an error cuts short', async () => {
  const { server } = serve()
  server.on('stream', stream => {
    stream.respond({ ':status': 404, 'content-type': 'application/json; charset=UTF-8' })
    stream.write('{"error":')
    setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), 50)
  })
  const pool = open(await listen(server))
  expect(await pool.post(request, 5_000)).toMatchObject({ kind: 'lost' })
})

test('GOAWAY tells which requests were not processed: those go elsewhere, the others are lost', async () => {
  const { server, sessions } = serve()
  let streams = 0
  server.on('stream', stream => {
    streams += 1
    if (streams === 3) sessions[0]?.goaway(constants.NGHTTP2_INTERNAL_ERROR, 3)
    if (streams === 2 || streams === 3) return
    stream.respond({ ':status': 200 })
    stream.end()
  })
  const pool = open(await listen(server), { connections: 1 })
  expect(await pool.post(request, 5_000)).toEqual(answered)
  const [second, third] = await Promise.all([pool.post(request, 5_000), pool.post(request, 5_000)])
  expect(second).toMatchObject({ kind: 'lost' })
  expect(third).toEqual(answered)
})

test('a connection whose far end has gone silent is given up, and the next request gets a new one', async () => {
  const { server, sessions } = serve()
  server.on('stream', stream => {
    stream.respond({ ':status': 200 })
    stream.end()
  })
  const port = Number(new URL(await listen(server)).port)
  const pairs: [Socket, Socket][] = []
  const relay = createServer(near => {
    const far = connect(port, '127.0.0.1')
    pairs.push([near, far])
    near.pipe(far).pipe(near)
    far.on('error', () => near.destroy())
    near.on('close', () => far.destroy())
  })
  const pool = open(await listen(relay), { connections: 1 })
  expect(await pool.post(request, 2_000)).toEqual(answered)
  for (const [near, far] of pairs) {
    near.unpipe(far).pause()
    far.unpipe(near).pause()
  }
  expect(await pool.post(request, 100)).toEqual({ kind: 'lost', reason: 'timeout' })
  await vi.waitFor(() => expect(pool.post(request, 300)).resolves.toEqual(answered), 5_000)
  expect(sessions.length).toBe(2)
})

test('a server that does not speak HTTP/2, or says nothing, is not waited for', async () => {
  const mute = await listen(createServer())
  const pool = open(mute, { connectTimeoutMs: 200 })
  const started = performance.now()
  expect(await pool.post(request, 5_000)).toEqual({ kind: 'unreached', reason: 'connect timeout' })
  expect(performance.now() - started).toBeLessThan(1_500)
  expect(pool.unreachable()).toBe(true)
})

test('what waits for a connection ends in time, and is unreached', async () => {
  const pool = open(await listen(createServer()), { connectTimeoutMs: 2_000 })
  expect(await pool.post(request, 100)).toEqual({ kind: 'unreached', reason: 'timeout' })
})

test('closing settles everything', async () => {
  const { server } = serve()
  const pool = open(await listen(server), { connections: 1 })
  const pending = pool.post(request, 400)
  await pool.close()
  expect((await pending).kind).toMatch(/unreached|lost/)
  expect(await pool.post(request, 400)).toEqual({ kind: 'unreached', reason: 'closed' })
})
