import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createAuthority } from '../../simulators/authority.ts'
import { type Fcm, startFcm } from '../../simulators/fcm/index.ts'
import { type CompanyProxy, type ProxyBehaviour, startProxy } from '../../simulators/proxy/index.ts'
import { type FcmOptions, openFcm, type PushChannel, type PushMessage } from './index.ts'

const dir = mkdtempSync(join(tmpdir(), 'fcm-proxy-'))
const caFile = join(dir, 'proxy.pem')
const worldFile = join(dir, 'world.pem')
const logged: unknown[] = []
const log = { warn: (fields: object) => void logged.push(fields) }
const channels: PushChannel[] = []
let fcm: Fcm
let proxy: CompanyProxy

beforeAll(async () => {
  const world = await createAuthority()
  const own = await createAuthority('Simulated proxy authority')
  writeFileSync(caFile, own.caPem)
  writeFileSync(worldFile, world.caPem)
  fcm = await startFcm({ tls: await world.issue(), dir })
  proxy = await startProxy({
    authority: own,
    upstreamCa: world.caPem,
    allowed: [`127.0.0.1:${fcm.port}`],
    login: { user: 'samaconso', password: 'p@ss:wörd' },
  })
})
afterAll(async () => {
  await proxy.close()
  await fcm.close()
  rmSync(dir, { recursive: true })
})
afterEach(async () => {
  await Promise.all(channels.splice(0).map(channel => channel.close()))
  behave({})
  fcm.behave({ outcome: 'ok', share: 1, latencyMs: 0 })
  fcm.forget()
})

const behave = (more: Partial<ProxyBehaviour>) =>
  proxy.behave({ mode: 'h2', trouble: 'none', latencyMs: 0, ...more })

function open(options: Partial<FcmOptions> = {}): PushChannel {
  const { serviceAccountFile, baseUrl } = fcm
  const channel = openFcm({
    serviceAccountFile,
    baseUrl,
    caFile,
    proxyUrl: proxy.url,
    timeoutMs: 5_000,
    log,
    ...options,
  })
  channels.push(channel)
  return channel
}

const push = (token = 'sim-1', more: Partial<PushMessage> = {}): PushMessage => ({
  token,
  notificationId: 'n-1',
  type: 'outage',
  title: 'Coupure',
  body: 'Demain',
  priority: 'normal',
  expiresAt: Date.now() + 3_600_000,
  ...more,
})

const pushMany = (channel: PushChannel, count: number) =>
  Promise.all(Array.from({ length: count }, (_, i) => channel.send(push(`sim-${i}`))))

test.each(['h2', 'http1', 'tunnel'] as const)(
  'through a proxy in mode %s every push and the token go',
  async mode => {
    behave({ mode })
    const before = proxy.stats()
    const channel = open(mode === 'tunnel' ? { caFile: worldFile } : {})
    expect(await pushMany(channel, 500)).toEqual(Array(500).fill({ outcome: 'sent' }))
    expect(await pushMany(channel, 500)).toEqual(Array(500).fill({ outcome: 'sent' }))
    expect(fcm.stats()).toMatchObject({ received: 1_000, distinct: 500 })
    const passed = proxy.stats()
    if (mode !== 'tunnel') expect(passed.requests - before.requests).toBe(1_001)
    expect(passed.asked - before.asked).toBeLessThanOrEqual(mode === 'http1' ? 101 : 3)
    expect(await channel.send(push('sim-dead-1'))).toEqual({ outcome: 'unregistered' })
  },
)

test('a login that the proxy does not take is said, and nothing is ambiguous', async () => {
  const wrong = new URL(`http://samaconso@127.0.0.1:${proxy.port}`)
  wrong.password = 'wrong'
  const channel = open({ proxyUrl: wrong.href })
  expect(await channel.send(push())).toEqual({
    outcome: 'retry',
    reason: 'the proxy answered 407',
    afterMs: 10_000,
    ambiguous: false,
  })
  expect(JSON.stringify(logged)).toContain('the proxy answered 407')
  expect(JSON.stringify(logged)).not.toMatch(/p@ss|wrong/)
})

test('a proxy whose authority is not the configured one learns nothing', async () => {
  const before = proxy.stats().requests
  expect(await open({ caFile: worldFile }).send(push())).toMatchObject({ outcome: 'retry', ambiguous: false })
  expect(proxy.stats().requests).toBe(before)
  expect(fcm.stats().received).toBe(0)
})

test.each(['h2', 'http1'] as const)(
  'a proxy that dies in the middle (%s) loses nothing unsaid',
  async mode => {
    behave({ mode })
    fcm.behave({ outcome: 'ok', share: 1, latencyMs: 20 })
    const channel = open()
    await channel.send(push('sim-warm', { notificationId: 'warm' }))
    const outcomes: Record<string, string> = {}
    const line = async (from: number) => {
      for (let i = from; i < from + 20; i++) {
        const result = await channel.send(push(`sim-${i}`))
        outcomes[`sim-${i}`] = result.outcome === 'retry' && result.ambiguous ? 'ambiguous' : result.outcome
      }
    }
    const sending = Promise.all(Array.from({ length: 50 }, (_, i) => line(i * 20)))
    await new Promise(resolve => setTimeout(resolve, 100))
    behave({ mode, trouble: 'down' })
    await new Promise(resolve => setTimeout(resolve, 50))
    behave({ mode })
    await sending
    for (const [token, outcome] of Object.entries(outcomes)) {
      if (outcome === 'sent') expect([token, fcm.count(token, 'n-1')]).toEqual([token, 1])
      if (outcome === 'retry') expect([token, fcm.count(token, 'n-1')]).toEqual([token, 0])
    }
    expect(Object.values(outcomes)).toContain('ambiguous')
    await vi.waitFor(
      () => expect(channel.send(push('sim-back'))).resolves.toEqual({ outcome: 'sent' }),
      8_000,
    )
    expect(channel.state()).toBe('ok')
  },
)

test.each(['h2', 'http1'] as const)(
  'a proxy that hangs (%s) is given up in time, and found again',
  async mode => {
    behave({ mode })
    const channel = open({ timeoutMs: 1_500 })
    expect(await channel.send(push('sim-warm'))).toEqual({ outcome: 'sent' })
    behave({ mode, trouble: 'hang' })
    expect(await channel.send(push('sim-2'))).toMatchObject({ outcome: 'retry', ambiguous: true })
    behave({ mode })
    proxy.cut()
    await vi.waitFor(() => expect(channel.send(push('sim-3'))).resolves.toEqual({ outcome: 'sent' }), 15_000)
  },
)

test('an unreachable or refusing proxy is told at once, and the channel is down', async () => {
  behave({ trouble: 'refuse' })
  const channel = open()
  await vi.waitFor(async () => {
    expect(await channel.send(push())).toMatchObject({ outcome: 'retry', ambiguous: false })
    expect(channel.state()).toBe('down')
  })
  behave({})
  await vi.waitFor(() => expect(channel.send(push())).resolves.toEqual({ outcome: 'sent' }), 15_000)
})

test('the quota is asked in lots, and what gets no leave in its time is not ambiguous', async () => {
  let tokens = 300
  const asked: number[] = []
  const channel = open({
    timeoutMs: 20_000,
    quota: {
      take: async wanted => {
        asked.push(wanted)
        const granted = Math.min(wanted, tokens)
        tokens -= granted
        return { granted, waitMs: granted < wanted ? 30_000 : 0 }
      },
    },
  })
  const outcomes = await pushMany(channel, 500)
  expect(outcomes.filter(({ outcome }) => outcome === 'sent')).toHaveLength(300)
  const [waiting] = outcomes.filter(({ outcome }) => outcome === 'retry')
  expect(waiting).toMatchObject({ reason: 'quota', ambiguous: false })
  expect(waiting?.outcome === 'retry' && waiting.afterMs).toBeGreaterThan(29_000)
  expect(asked.length).toBeLessThan(20)
  expect(channel.state()).toBe('ok')
})

test('by choice Android gets data messages', async () => {
  await open({ androidData: true }).send(push())
  const [received] = fcm.pushes('sim-1')
  expect(received?.message).not.toHaveProperty('notification')
  expect(received?.message.android).toMatchObject({ data: { notificationId: 'n-1', title: 'Coupure' } })
})

test('an address that is no http proxy is refused at once', () => {
  expect(() => open({ proxyUrl: 'https://127.0.0.1:1' })).toThrow('http://')
})
