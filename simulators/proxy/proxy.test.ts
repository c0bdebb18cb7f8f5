import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { Client, ProxyAgent, request } from 'undici'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { dialer } from '../../src/channels/dial.ts'
import { createAuthority } from '../authority.ts'
import { type Fcm, startFcm } from '../fcm/index.ts'
import { type CompanyProxy, type ProxyOptions, startProxy } from './index.ts'

const dir = mkdtempSync(join(tmpdir(), 'proxy-'))
const closing: (() => unknown)[] = []
let world: Awaited<ReturnType<typeof createAuthority>>
let own: Awaited<ReturnType<typeof createAuthority>>
let fcm: Fcm

beforeAll(async () => {
  world = await createAuthority()
  own = await createAuthority('Simulated proxy authority')
  fcm = await startFcm({ tls: await world.issue(), dir })
})
afterAll(async () => {
  await fcm.close()
  rmSync(dir, { recursive: true })
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(options: Partial<ProxyOptions> = {}): Promise<CompanyProxy> {
  const allowed = [`127.0.0.1:${fcm.port}`, `localhost:${fcm.port}`]
  const proxy = await startProxy({ authority: own, upstreamCa: world.caPem, allowed, ...options })
  closing.push(proxy.close)
  return proxy
}

function dial(
  proxy: CompanyProxy,
  { ca = own.caPem, origin = fcm.baseUrl, url = proxy.url, protocols = ['h2', 'http/1.1'] } = {},
): Promise<TLSSocket> {
  return dialer({ origin, ca, proxy: url, protocols })(3_000)
}

function overHttp2(socket: TLSSocket): ClientHttp2Session {
  const session = connect(fcm.baseUrl, { createConnection: () => socket })
  session.on('error', () => session.destroy())
  closing.push(() => session.destroy())
  return session
}

/** Its end, however it came. */
const closed = (session: ClientHttp2Session) =>
  new Promise<void>(resolve => {
    if (session.destroyed) resolve()
    else session.on('close', resolve)
  })

/** The status of a request without a token: 401, when all went through. */
async function ask(session: ClientHttp2Session, body = '{}'): Promise<number | undefined> {
  const stream = session.request({ ':method': 'POST', ':path': '/v1/projects/x/messages:send' })
  stream.end(body)
  stream.resume()
  const [headers] = await once(stream, 'response')
  return headers[':status']
}

test('HTTP/2 passes whole, with its certificate signed for the host by the proxy’s own authority', async () => {
  const proxy = await start()
  const socket = await dial(proxy, { origin: `https://localhost:${fcm.port}` })
  expect(socket.alpnProtocol).toBe('h2')
  expect(socket.getPeerCertificate().issuer).toMatchObject({ CN: 'Simulated proxy authority' })
  const session = overHttp2(socket)
  const statuses = await Promise.all(Array.from({ length: 300 }, () => ask(session, 'x'.repeat(30_000))))
  expect(statuses).toEqual(statuses.map(() => 401))
  expect(proxy.stats()).toMatchObject({ open: 1, asked: 1, refused: 0, requests: 300 })
  expect(proxy.stats().bytesUp).toBeGreaterThan(300 * 30_000)
})

test('GOAWAY of the far end reaches the client, and a client that leaves leaves nothing behind', async () => {
  const proxy = await start()
  const session = overHttp2(await dial(proxy))
  expect(await ask(session)).toBe(401)
  const told = once(session, 'goaway')
  fcm.goaway()
  await told
  await vi.waitFor(() => expect(proxy.stats().open).toBe(0))
  const another = overHttp2(await dial(proxy))
  expect(await ask(another)).toBe(401)
  another.destroy()
  await vi.waitFor(() => expect(proxy.stats().open).toBe(0))
})

test('told so, it knows HTTP/1.1 alone, on kept connections', async () => {
  const proxy = await start({ behaviour: { mode: 'http1' } })
  expect((await dial(proxy)).alpnProtocol).toBe('http/1.1')
  const socket = await dial(proxy)
  const client = new Client(fcm.baseUrl, { connect: (_options, done) => setImmediate(done, null, socket) })
  closing.push(() => client.destroy())
  for (let i = 0; i < 5; i++) {
    const { statusCode, body } = await client.request({
      method: 'POST',
      path: '/token',
      body: 'x'.repeat(40_000),
    })
    await body.dump()
    expect(statusCode).toBe(400)
  }
  expect(proxy.stats()).toMatchObject({ asked: 2, requests: 5 })
})

test('as a tunnel it reads nothing: the far end’s own certificate is seen', async () => {
  const proxy = await start({ behaviour: { mode: 'tunnel' } })
  const socket = await dial(proxy, { ca: world.caPem })
  expect(socket.getPeerCertificate().issuer).toMatchObject({ CN: 'Simulated world authority' })
  expect(await ask(overHttp2(socket))).toBe(401)
  expect(proxy.stats()).toMatchObject({ open: 1, requests: 0 })
})

test('other clients than ours get through it too', async () => {
  const proxy = await start({ login: { user: 'samaconso', password: 'p@ss:word' } })
  const agent = new ProxyAgent({ uri: proxy.url, requestTls: { ca: own.caPem } })
  closing.push(() => agent.close())
  const { statusCode, body } = await request(`${fcm.baseUrl}/token`, {
    method: 'POST',
    body: 'x',
    dispatcher: agent,
  })
  await body.dump()
  expect(statusCode).toBe(400)
})

test('strangers, other hosts and what is not CONNECT are refused', async () => {
  const proxy = await start({ login: { user: 'samaconso', password: 'p@ss:word' } })
  const bare = `http://127.0.0.1:${proxy.port}`
  await expect(dial(proxy, { url: bare })).rejects.toThrow('407')
  await expect(dial(proxy, { url: bare.replace('//', '//samaconso:guess@') })).rejects.toThrow('407')
  await expect(dial(proxy, { origin: 'https://example.com' })).rejects.toThrow('403')
  await expect(dial(proxy, { origin: `https://127.0.0.1:${proxy.port}` })).rejects.toThrow('403')
  expect((await fetch(`${bare}/v1`)).status).toBe(405)
  expect(await ask(overHttp2(await dial(proxy)))).toBe(401)
  expect(proxy.stats()).toMatchObject({ asked: 5, refused: 4, open: 1 })
})

test('a far end with another authority’s certificate is not passed on, one that is away is a 502', async () => {
  const stranger = await start({ upstreamCa: own.caPem })
  const session = overHttp2(await dial(stranger))
  await closed(session)
  await vi.waitFor(() => expect(stranger.stats().open).toBe(0))
  const away = await start({ allowed: ['127.0.0.1:9'] })
  await expect(dial(away, { origin: 'https://127.0.0.1:9' })).rejects.toThrow('502')
  // Whoever does not trust the proxy's authority does not speak to it.
  await expect(dial(await start(), { ca: world.caPem })).rejects.toThrow()
})

test('it is slow, hangs, refuses and dies as told, and recovers', async () => {
  const proxy = await start()
  const session = overHttp2(await dial(proxy))
  await ask(session)
  proxy.behave({ mode: 'h2', trouble: 'slow', latencyMs: 60 })
  const began = performance.now()
  expect(await Promise.all(Array.from({ length: 20 }, () => ask(session)))).toHaveLength(20)
  expect(performance.now() - began).toBeGreaterThan(115)
  expect(performance.now() - began).toBeLessThan(1_000)

  proxy.behave({ mode: 'h2', trouble: 'hang', latencyMs: 0 })
  let answered = false
  const held = ask(session).then(() => {
    answered = true
  })
  await expect(
    dialer({ origin: fcm.baseUrl, ca: own.caPem, proxy: proxy.url, protocols: ['h2'] })(150),
  ).rejects.toThrow('connect timeout')
  expect(answered).toBe(false)
  proxy.behave({ mode: 'h2', trouble: 'refuse', latencyMs: 0 })
  await held
  await expect(dial(proxy)).rejects.toThrow('503')

  proxy.behave({ mode: 'h2', trouble: 'down', latencyMs: 0 })
  await closed(session)
  await expect(dial(proxy)).rejects.toThrow()
  proxy.behave({ mode: 'h2', trouble: 'none', latencyMs: 0 })
  const again = overHttp2(await dial(proxy))
  expect(await ask(again)).toBe(401)
  proxy.cut()
  await closed(again)
  expect(await ask(overHttp2(await dial(proxy)))).toBe(401)
  await vi.waitFor(() => expect(proxy.stats().open).toBe(1))
})

test('what one end does not read is not taken from the other', async () => {
  const proxy = await start()
  const session = overHttp2(await dial(proxy))
  await ask(session)
  proxy.behave({ mode: 'h2', trouble: 'hang', latencyMs: 0 })
  const stream = session.request({ ':method': 'POST', ':path': '/x' })
  stream.on('error', () => stream.destroy())
  for (let i = 0; i < 400; i++) stream.write(Buffer.alloc(16_384))
  await new Promise(resolve => setTimeout(resolve, 200))
  // Its own flow control stops HTTP/2 long before that; the proxy holds back a megabyte at most.
  expect(proxy.stats().bytesUp).toBeLessThan(2_000_000)
})
