import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { openFcm, openSms, type PushChannel, type SmsChannel } from '../src/channels/index.ts'
import { type Simulators, startSimulators } from './index.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'simulators-'))
const troubles: Error[] = []
let simulators: Simulators
let fcm: PushChannel
let sms: SmsChannel

beforeAll(async () => {
  simulators = await startSimulators({ dataDir, controlPort: 0, onTrouble: error => troubles.push(error) })
  const { addresses } = simulators
  fcm = openFcm({ ...addresses.fcm, caFile: addresses.caFile, timeoutMs: 3_000 })
  sms = openSms({ ...addresses.sms, caFile: addresses.caFile, timeoutMs: 3_000 })
})
afterAll(async () => {
  expect(troubles).toEqual([])
  await Promise.all([fcm.close(), sms.close()])
  await simulators.close()
  rmSync(dataDir, { recursive: true })
})
beforeEach(async () => {
  await call('POST', '/push/behaviour', { outcome: 'ok' })
  for (const system of ['sic', 'postpaid', 'sms'])
    await call('POST', '/backoffice/behaviour', { system, mode: 'ok' })
  await call('DELETE', '/push')
})

async function call<Body = unknown>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
) {
  const answer = await fetch(simulators.addresses.control + path, {
    method,
    headers,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: answer.status, body: (await answer.json()) as Body }
}

const push = (token: string, notificationId = 'n-1') =>
  fcm.send({
    token,
    notificationId,
    type: 'notice',
    title: 'Bonjour',
    body: 'Ceci est un essai',
    priority: 'normal',
    expiresAt: Date.now() + 60_000,
  })

test('the SMS of a phone are read, newest first, whichever way the number is written', async () => {
  await sms.send({ phone: '+221770000001', text: 'un' })
  await sms.send({ phone: '+221770000001', text: 'deux' })
  for (const phone of ['+221770000001', '%2B221770000001', '770000001', '221 77 000 00 01']) {
    const { body } = await call<{ at: string }[]>('GET', `/sms?phone=${phone}`)
    expect(body).toMatchObject([{ phone: '+221770000001', text: 'deux' }, { text: 'un' }])
    expect(body[0]?.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  }
  expect((await call('GET', '/sms?phone=+221770000009')).body).toEqual([])
  expect(await call('GET', '/sms?phone=12')).toMatchObject({ status: 422, body: { code: 'invalid' } })
  expect(await call('GET', '/sms')).toMatchObject({ status: 422 })
})

test('pushes are counted and read by device, and forgotten when told', async () => {
  await push('sim-1')
  await push('sim-1')
  await push('sim-2')
  await push('sim-dead-1')
  expect((await call('GET', '/push/stats')).body).toEqual({
    received: 3,
    distinct: 2,
    duplicates: 1,
    byOutcome: { ok: 3, UNREGISTERED: 1 },
    devices: 2,
  })
  expect((await call('GET', '/push?token=sim-1')).body).toMatchObject([
    { notificationId: 'n-1', title: 'Bonjour', body: 'Ceci est un essai', data: { type: 'notice' } },
    { notificationId: 'n-1' },
  ])
  await call('DELETE', '/push')
  expect((await call('GET', '/push/stats')).body).toMatchObject({ received: 0, devices: 0 })
  expect((await call('GET', '/push?token=sim-1')).body).toEqual([])
})

test('FCM fails as told, for whom it is told', async () => {
  await call('POST', '/push/behaviour', { outcome: 'UNAVAILABLE', share: 1, latencyMs: 5, for: 'sim-a' })
  expect(await push('sim-a1')).toMatchObject({ outcome: 'retry', reason: 'UNAVAILABLE' })
  expect(await push('sim-b1')).toEqual({ outcome: 'sent' })
  expect((await call('GET', '/push/behaviour')).body).toMatchObject([
    { outcome: 'UNAVAILABLE', for: 'sim-a' },
  ])
})

test('what is not understood is answered with a sentence and its field', async () => {
  const refused: [string, string, unknown, number, RegExp][] = [
    ['POST', '/push/behaviour', { outcome: 'tired' }, 422, /outcome/],
    ['POST', '/push/behaviour', { outcome: 'ok', share: 2 }, 422, /share/],
    ['POST', '/push/behaviour', { outcome: 'dead', for: 'sim-' }, 422, /for/],
    ['POST', '/push/behaviour', { outcome: 'ok', surprise: 1 }, 422, /./],
    ['POST', '/push/behaviour', 'not json', 400, /JSON/],
    ['POST', '/push/behaviour', 'x'.repeat(70_000), 413, /64 KB/],
    ['POST', '/backoffice/behaviour', { system: 'hana', mode: 'ok' }, 422, /system/],
    ['POST', '/backoffice/behaviour', { system: 'sms', mode: 'error-mid-rows' }, 422, /mode/],
    ['POST', '/backoffice/behaviour', { system: 'sic', mode: 'slow', latencyMs: -1 }, 422, /latencyMs/],
    ['POST', '/sic/topups', { meter: '14100000018' }, 422, /amountXof|required/],
    ['POST', '/sic/topups', { meter: '14100000018', amountXof: 12 }, 422, /montant/],
    ['POST', '/sic/topups', { meter: '1', amountXof: 5_000 }, 422, /compteur/],
    ['POST', '/sic/topups', { meter: '14100000018', amountXof: 5_000, at: 'soon' }, 422, /at/],
    ['GET', '/push', undefined, 422, /token/],
    ['GET', '/nothing', undefined, 404, /nothing/],
    ['DELETE', '/sms', undefined, 405, /GET/],
  ]
  for (const [method, path, body, status, text] of refused) {
    const answer = await call<{ status: number; detail: string }>(method, path, body)
    expect([path, answer.status, answer.body.status]).toEqual([path, status, status])
    expect(answer.body.detail).toMatch(text)
  }
})

test('a purchase happens in the world', async () => {
  const purchase = { meter: '14100000018', amountXof: 5_000 }
  const { status, body } = await call<{ id: string; at: string; tokens: string[] }>(
    'POST',
    '/sic/topups',
    purchase,
  )
  expect(status).toBe(201)
  expect(body).toMatchObject({ meter: '14100000018', amountXof: 5_000 })
  expect(body.tokens[0]).toMatch(/^\d{20}$/)
  const at = new Date(body.at)
  const [row] = simulators.world.topups('14100000018', at, new Date(at.getTime() + 1))
  expect(row?.orderNumber).toBe(body.id)
})

test('the company’s systems behave as told, and say how much they are used', async () => {
  const { body } = await call('POST', '/backoffice/behaviour', { system: 'sic', mode: 'slow', latencyMs: 50 })
  expect(body).toEqual({
    sic: { mode: 'slow', latencyMs: 50 },
    postpaid: { mode: 'ok' },
    sms: { mode: 'ok' },
  })
  const none = { open: 0, peak: 0, attempts: 0, statements: 0 }
  expect((await call('GET', '/backoffice/stats')).body).toEqual({ sic: none, postpaid: none })
  await call('POST', '/backoffice/behaviour', { system: 'sms', mode: 'down' })
  expect(await sms.send({ phone: '+221770000003', text: 'x' })).toMatchObject({ outcome: 'retry' })
})

test('the proxy behaves as told, keeps what is not said, and shows what passed', async () => {
  expect((await call('POST', '/proxy/behaviour', { mode: 'http1', trouble: 'slow' })).body).toEqual({
    mode: 'http1',
    trouble: 'slow',
    latencyMs: 0,
  })
  const usual = { mode: 'h2', trouble: 'none', latencyMs: 0 }
  expect((await call('POST', '/proxy/behaviour', usual)).body).toEqual(usual)
  expect((await call('POST', '/proxy/behaviour', { mode: 'h3' })).body).toMatchObject({
    detail: 'mode: one of h2, http1, tunnel',
  })
  expect(await call('POST', '/proxy/behaviour', { trouble: 'tired' })).toMatchObject({ status: 422 })
  expect((await call('GET', '/proxy/stats')).body).toEqual((await call('DELETE', '/proxy/tunnels')).body)
})

test('another site’s page may not command the simulators, nor read them', async () => {
  const answer = await call(
    'POST',
    '/push/behaviour',
    { outcome: 'dead' },
    { origin: 'https://evil.example' },
  )
  expect(answer.status).toBe(403)
  expect((await call('GET', '/push/behaviour')).body).toEqual([])
  const read = await fetch(`${simulators.addresses.control}/push/stats`)
  expect(read.headers.get('access-control-allow-origin')).toBeNull()
})

test('the page and all that it needs are served, and need nothing from elsewhere', async () => {
  for (const path of [
    '/',
    '/phones.css',
    '/main.js',
    '/phone.js',
    '/controls.js',
    '/format.js',
    '/icon.svg',
  ]) {
    const answer = await fetch(simulators.addresses.control + path)
    expect([path, answer.status]).toEqual([path, 200])
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'self'")
    expect(await answer.text()).not.toMatch(/(src|href|url)\s*[=(]\s*["']?https?:/)
  }
  for (const path of ['/../main.ts', '/phones/index.html', '/server.ts', '/%2e%2e/main.ts', '//x']) {
    expect((await fetch(simulators.addresses.control + path)).status).toBe(404)
  }
})

test('a page hears SMS, purchases and its own devices’ pushes live, and only a sample of the others', async () => {
  let heard = ''
  const listening = httpRequest(`${simulators.addresses.control}/events?token=sim-mine`, response => {
    response.on('data', chunk => {
      heard += chunk
    })
  })
  listening.on('error', () => undefined)
  listening.end()
  await vi.waitFor(() => expect(heard).toContain('event: state'))
  await push('sim-mine', 'n-7')
  await Promise.all(Array.from({ length: 40 }, (_, i) => push(`sim-other-${i}`)))
  await sms.send({ phone: '+221770000004', text: 'Bonjour' })
  await call('POST', '/sic/topups', { meter: '14100000018', amountXof: 2_000 })
  await vi.waitFor(() => {
    expect(heard).toMatch(/event: push\ndata: \{.*"notificationId":"n-7"/)
    expect(heard).toMatch(/event: sms\ndata: \{.*"text":"Bonjour"/)
    expect(heard).toMatch(/event: purchase\ndata: \{.*"amountXof":2000/)
  })
  await vi.waitFor(() => expect(heard).toMatch(/event: state\ndata: \{"push":\{"received":41/), 3_000)
  expect(heard.match(/event: push/g)?.length).toBe(1)
  expect(heard.match(/event: seen/g)?.length).toBeLessThan(15)
  listening.destroy()
})
