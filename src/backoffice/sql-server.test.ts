import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { createAuthority } from '../../simulators/authority.ts'
import { createFixedWorld } from '../../simulators/tds/fixed-world.ts'
import {
  type Behaviour,
  startSic,
  startTdsServer,
  type TdsServer,
  type TdsServerOptions,
} from '../../simulators/tds/index.ts'

import { Unavailable } from '../lib/problems.ts'
import { openBackOffice } from './index.ts'
import type { BackOffice, Limits, SqlServerAddress } from './types.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const LOGIN = { user: 'lecteur', password: 'secret', database: 'SIC' }

interface Lab {
  server: TdsServer
  office: BackOffice
  behave: (behaviour: Behaviour) => void
  logged: string[]
}

/** SIC alone; what is asked of Postpaid finds nobody. */
async function lab(options: {
  limits?: Partial<Limits>
  address?: Partial<SqlServerAddress>
  server?: Partial<TdsServerOptions>
}): Promise<Lab> {
  let behaviour: Behaviour = { mode: 'ok' }
  const server = await startSic(createFixedWorld(), {
    tls: null,
    ...LOGIN,
    behaviour: () => behaviour,
    ...options.server,
  })
  closing.push(server.close)
  const address = { host: '127.0.0.1', port: server.port, ...LOGIN, encrypt: false, ...options.address }
  const logged: string[] = []
  const log = { info: keep, warn: keep }
  function keep({ event }: { event: string }): void {
    logged.push(event)
  }
  const office = openBackOffice({ sic: address, postpaid: address, limits: options.limits, log })
  closing.push(office.close)
  return {
    server,
    office,
    logged,
    behave: next => {
      behaviour = next
    },
  }
}

/** How a call ended, and after how many milliseconds. */
async function timed(call: Promise<unknown>): Promise<{ outcome: unknown; ms: number }> {
  const start = performance.now()
  const outcome = await call.catch(error => error)
  return { outcome, ms: performance.now() - start }
}

function folder(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sql-server-'))
  closing.push(() => rmSync(directory, { recursive: true }))
  return directory
}

function fileOf(text: string): string {
  const file = join(folder(), 'ca.pem')
  writeFileSync(file, text)
  return file
}

test('a wrong password is an unavailable system, with the reason inside', async () => {
  const { office } = await lab({ address: { password: 'autre' } })
  const { outcome } = await timed(office.prepaidMeter('14100000018'))
  expect(outcome).toBeInstanceOf(Unavailable)
  expect(String((outcome as Error).cause)).toContain('Login failed')
})

test('a server is trusted by the authority that is configured, by name and by address', async () => {
  const authority = await createAuthority()
  const caFile = fileOf(authority.caPem)
  const tls = await authority.issue(['sic.example'])
  for (const serverName of ['sic.example', 'localhost']) {
    const { office } = await lab({ server: { tls }, address: { encrypt: true, caFile, serverName } })
    expect(await office.prepaidMeter('14100000018')).not.toBeNull()
  }
})

test('a server of another authority, or of another name, is refused', async () => {
  const [authority, another] = await Promise.all([createAuthority(), createAuthority()])
  const tls = await authority.issue()
  const trust = { encrypt: true, serverName: 'localhost' }
  const wrong = [
    { ...trust, caFile: fileOf(another.caPem) },
    { ...trust, caFile: fileOf(authority.caPem), serverName: 'sic.example' },
    trust,
  ]
  for (const address of wrong) {
    const { office, server } = await lab({ server: { tls }, address })
    expect((await timed(office.prepaidMeter('14100000018'))).outcome).toBeInstanceOf(Unavailable)
    expect(server.statements()).toBe(0)
  }
})

test('a server that declines encryption never hears the password', async () => {
  const heard: Buffer[] = []
  const login = { ...LOGIN, encrypt: true, caFile: fileOf((await createAuthority()).caPem) }
  const { server } = await lab({})
  // stands in between and writes down what goes by; the server behind it answers "no encryption"
  const between = createServer(client => {
    const onward = connect(server.port, '127.0.0.1')
    client.on('data', chunk => heard.push(chunk))
    client.pipe(onward).pipe(client)
    client.on('error', () => onward.destroy())
    onward.on('error', () => client.destroy())
  })
  await new Promise<void>(resolve => between.listen(0, '127.0.0.1', resolve))
  closing.push(() => between.close())
  const { port } = between.address() as { port: number }
  const address = { host: '127.0.0.1', port, ...login, serverName: 'localhost' }
  const office = openBackOffice({ sic: address, postpaid: address })
  closing.push(office.close)
  const { outcome } = await timed(office.prepaidMeter('14100000018'))
  expect(String((outcome as Error).cause)).toContain('no encryption')
  const LOGIN_PACKET = 0x10
  expect(heard.map(chunk => chunk[0])).not.toContain(LOGIN_PACKET)
})

test('a slow server fails a call within 2 s, and the same connection serves the next', async () => {
  const { office, server, behave } = await lab({})
  await office.prepaidMeter('14100000018')
  behave({ mode: 'slow' })
  const { outcome, ms } = await timed(office.prepaidMeter('14100000018'))
  expect(outcome).toBeInstanceOf(Unavailable)
  expect(ms).toBeLessThan(2000)
  behave({ mode: 'ok' })
  expect(await office.prepaidMeter('14100000018')).not.toBeNull()
  expect(server.connections()).toBe(1)
})

test('a server that stops in the middle of the rows fails a call within 2 s, and loses no connection', async () => {
  const { office, server, behave } = await lab({ limits: { connections: 1 } })
  await office.prepaidMeter('14100000018')
  behave({ mode: 'stall-mid-rows' })
  const { outcome, ms } = await timed(office.prepaidMeter('14100000018'))
  expect(outcome).toBeInstanceOf(Unavailable)
  expect(ms).toBeLessThan(2000)
  behave({ mode: 'ok' })
  expect(await office.prepaidMeter('14100000018')).not.toBeNull()
  expect(server.peakConnections()).toBe(1)
})

test('a server that falls silent altogether fails every call in time, and its dead connections are cut', async () => {
  const limits = { connections: 2, failures: 100, connectMs: 200, requestMs: 200, cancelMs: 50, callMs: 300 }
  const { office, server, behave } = await lab({ limits })
  await office.prepaidMeter('14100000018')
  behave({ mode: 'hang' })
  const calls = Array.from({ length: 6 }, (_, i) => timed(office.prepaidMeter(`1410000000${i}`)))
  for (const { outcome, ms } of await Promise.all(calls)) {
    expect(outcome).toBeInstanceOf(Unavailable)
    expect(ms).toBeLessThan(500)
  }
  behave({ mode: 'ok' })
  await vi.waitUntil(() => office.prepaidMeter('14100000018').catch(() => null), 5000)
  expect(server.peakConnections()).toBeLessThanOrEqual(2)
})

test('an error in the middle of the rows is an unavailable system, and the next call is fine', async () => {
  const { office, server, behave } = await lab({})
  const of = {
    meterNumber: '14100000018',
    poc: 'P0000001',
    from: new Date('2026-01-01'),
    to: new Date('2027-01-01'),
  }
  behave({ mode: 'error-mid-rows' })
  await expect(office.topups(of, { limit: 5 })).rejects.toBeInstanceOf(Unavailable)
  behave({ mode: 'ok' })
  expect(await office.topups(of, { limit: 5 })).toHaveLength(1)
  expect(server.connections()).toBe(1)
})

test('while a system is down callers fail at once, few connections are tried, and it recovers by itself', async () => {
  const { office, server, behave, logged } = await lab({ limits: { pauseMs: 200 } })
  await office.prepaidMeter('14100000018')
  behave({ mode: 'down' })
  await vi.waitUntil(async () => {
    await timed(office.prepaidMeter('14100000018'))
    return office.state().sic === 'down'
  }, 5000)
  const attempts = server.attempts()
  const start = performance.now()
  for (let i = 0; i < 1000; i++) {
    const { outcome } = await timed(office.prepaidMeter('14100000018'))
    expect(outcome).toMatchObject({ code: 'backoffice_unavailable', status: 503, retryAfter: 1 })
  }
  await vi.waitUntil(() => server.attempts() >= attempts + 3, 5000)
  const probes = (performance.now() - start) / 200
  // a probe may take two tries of the pool
  expect(server.attempts() - attempts).toBeLessThanOrEqual(2 * Math.ceil(probes))
  expect(server.peakConnections()).toBeLessThanOrEqual(5)
  behave({ mode: 'ok' })
  await vi.waitUntil(() => office.state().sic === 'ok', 5000)
  expect(await office.prepaidMeter('14100000018')).not.toBeNull()
  expect(logged).toEqual(['backoffice_left_alone', 'backoffice_answers_again'])
})

test('callers do not wait for a probe that is out', async () => {
  const { office, server, behave } = await lab({ limits: { pauseMs: 50, failures: 1, requestMs: 300 } })
  await office.prepaidMeter('14100000018')
  behave({ mode: 'slow' })
  await timed(office.prepaidMeter('14100000018'))
  const asked = server.statements()
  await vi.waitUntil(() => server.statements() > asked, 5000)
  const { outcome, ms } = await timed(office.prepaidMeter('14100000018'))
  expect(outcome).toBeInstanceOf(Unavailable)
  expect(ms).toBeLessThan(200)
})

test('nobody there at the start, and then somebody: the first success is not far', async () => {
  const { office, server, behave } = await lab({ limits: { pauseMs: 100 } })
  behave({ mode: 'down' })
  const failed = await Promise.all(
    Array.from({ length: 20 }, (_, i) => timed(office.prepaidMeter(`141000000${i}`))),
  )
  for (const { outcome } of failed) expect(outcome).toBeInstanceOf(Unavailable)
  expect(office.state().sic).toBe('down')
  behave({ mode: 'ok' })
  await vi.waitUntil(() => office.state().sic === 'ok', 3000)
  expect(server.peakConnections()).toBeLessThanOrEqual(5)
})

test('200 readers of the same thing are one statement', async () => {
  const { office, server, behave } = await lab({})
  behave({ mode: 'ok', latencyMs: 50 })
  const meters = await Promise.all(Array.from({ length: 200 }, () => office.prepaidMeter('14100000018')))
  expect(meters.every(meter => meter?.poc === 'P0000001')).toBe(true)
  expect(new Set(meters).size).toBe(200)
  expect(server.statements()).toBe(1)
})

test('200 readers of different things share five connections', async () => {
  const { office, server, behave } = await lab({})
  behave({ mode: 'ok', latencyMs: 5 })
  await Promise.all(Array.from({ length: 200 }, (_, i) => office.prepaidMeter(`1410000${1000 + i}`)))
  expect(server.statements()).toBe(200)
  expect(server.peakConnections()).toBe(5)
})

test('more callers than may wait fail at once, and that is not held against the system', async () => {
  const { office, behave } = await lab({ limits: { queue: 10 } })
  await office.prepaidMeter('14100000018')
  behave({ mode: 'ok', latencyMs: 100 })
  const calls = await Promise.all(
    Array.from({ length: 50 }, (_, i) => timed(office.prepaidMeter(`1410000${1000 + i}`))),
  )
  const refused = calls.filter(({ outcome }) => outcome instanceof Unavailable)
  expect(refused).toHaveLength(35)
  expect(Math.max(...refused.map(({ ms }) => ms))).toBeLessThan(500)
  expect(office.state().sic).toBe('ok')
})

test('a statement that the source does not know fails with its text', async () => {
  const server = await startTdsServer({ tls: null, ...LOGIN, answer: () => null })
  closing.push(server.close)
  const { office } = await lab({ address: { port: server.port } })
  const { outcome } = await timed(office.prepaidMeter('14100000018'))
  expect(String((outcome as Error).cause)).toContain('unknown statement: select [N° COMPTEUR]')
})

test('closing ends what is under way', async () => {
  const { office, server, behave } = await lab({})
  await office.prepaidMeter('14100000018')
  behave({ mode: 'slow' })
  const call = timed(office.prepaidMeter('14100000018'))
  await vi.waitUntil(() => server.statements() === 2, 5000)
  const { ms } = await timed(office.close())
  expect(ms).toBeLessThan(1000)
  expect((await call).outcome).toBeInstanceOf(Unavailable)
  await vi.waitUntil(() => server.connections() === 0, 5000)
})
