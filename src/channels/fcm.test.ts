import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createAuthority } from '../../simulators/authority.ts'
import { type Behaviour, type Fcm, startFcm } from '../../simulators/fcm/index.ts'
import { type FcmOptions, openFcm, type PushChannel, type PushMessage } from './index.ts'

const dir = mkdtempSync(join(tmpdir(), 'fcm-'))
const caFile = join(dir, 'ca.pem')
const logged: unknown[] = []
const log = { warn: (fields: object) => void logged.push(fields) }
let fcm: Fcm
const channels: PushChannel[] = []

beforeAll(async () => {
  const authority = await createAuthority()
  writeFileSync(caFile, authority.caPem)
  fcm = await startFcm({ tls: await authority.issue(), dir })
})
afterAll(async () => {
  await fcm.close()
  rmSync(dir, { recursive: true })
})
afterEach(async () => {
  fcm.behave({ outcome: 'ok', share: 1, latencyMs: 0 })
  await Promise.all(channels.splice(0).map(channel => channel.close()))
  fcm.forget()
})

function open(options: Partial<FcmOptions> = {}): PushChannel {
  const channel = openFcm({
    serviceAccountFile: fcm.serviceAccountFile,
    baseUrl: fcm.baseUrl,
    caFile,
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
  title: 'Coupure prévue à Médina',
  body: 'Demain de 9 h à 12 h',
  priority: 'normal',
  expiresAt: Date.now() + 3_600_000,
  ...more,
})

const behave = (outcome: Behaviour['outcome'], more: Partial<Behaviour> = {}) =>
  fcm.behave({ outcome, share: 1, latencyMs: 0, ...more })

test('what is sent again replaces: one id as data, Android tag, Apple collapse id and web tag', async () => {
  const expiresAt = Date.now() + 600_000
  expect(await open().send(push('sim-1', { priority: 'urgent', expiresAt, data: { meter: '141' } }))).toEqual(
    {
      outcome: 'sent',
    },
  )
  const [received] = fcm.pushes('sim-1')
  expect(received?.message).toMatchObject({
    notification: { title: 'Coupure prévue à Médina', body: 'Demain de 9 h à 12 h' },
    data: { notificationId: 'n-1', type: 'outage', meter: '141' },
    android: { priority: 'HIGH', notification: { tag: 'n-1' } },
    apns: {
      headers: {
        'apns-collapse-id': 'n-1',
        'apns-expiration': String(Math.floor(expiresAt / 1000)),
        'apns-priority': '10',
      },
    },
    webpush: { notification: { tag: 'n-1' } },
  })
  expect(received?.message.android?.ttl).toMatch(/^(599|600)s$/)
  expect(received?.message.android).not.toHaveProperty('collapse_key')
})

test('each error of FCM becomes the outcome of the table', async () => {
  const channel = open()
  const retry = { outcome: 'retry', ambiguous: false }
  const stop = { outcome: 'refused', dropToken: false, stop: true }
  expect(await channel.send(push('sim-dead-1'))).toEqual({ outcome: 'unregistered' })
  expect(await channel.send(push('sim-bad-1'))).toMatchObject({
    outcome: 'refused',
    dropToken: true,
    stop: false,
  })
  expect(await channel.send(push('not-a-token'))).toMatchObject({ outcome: 'refused', dropToken: true })
  expect(await channel.send(push('sim-foreign-1'))).toEqual({
    outcome: 'refused',
    reason: 'SENDER_ID_MISMATCH',
    dropToken: true,
    stop: false,
  })
  expect(await channel.send(push('sim-1', { data: { long: 'x'.repeat(5_000) } }))).toMatchObject(stop)
  expect(await channel.send(push('sim-1', { data: { 'google.key': 'x' } }))).toMatchObject({
    ...stop,
    reason: 'INVALID_ARGUMENT message.data',
  })
  behave('UNAVAILABLE')
  expect(await channel.send(push())).toEqual({ ...retry, reason: 'UNAVAILABLE', afterMs: 10_000 })
  behave('INTERNAL', { retryAfterSeconds: 42 })
  expect(await channel.send(push())).toEqual({ ...retry, reason: 'INTERNAL', afterMs: 42_000 })
  behave('QUOTA_EXCEEDED')
  expect(await channel.send(push())).toMatchObject({ ...retry, afterMs: 60_000, slowDown: true })
  behave('QUOTA_EXCEEDED', { deviceQuota: true, retryAfterSeconds: 5 })
  expect(await channel.send(push())).toEqual({ ...retry, reason: 'QUOTA_EXCEEDED', afterMs: 5_000 })
  behave('THIRD_PARTY_AUTH_ERROR')
  expect(await channel.send(push())).toMatchObject({ ...stop, reason: 'THIRD_PARTY_AUTH_ERROR' })
  expect(fcm.stats().received).toBe(0)
})

test('another authority than the configured one is refused, and nothing is sent', async () => {
  const another = join(dir, 'another.pem')
  writeFileSync(another, (await createAuthority()).caPem)
  expect(await open({ caFile: another }).send(push())).toMatchObject({ outcome: 'retry', ambiguous: false })
  expect(await open({ caFile: undefined }).send(push())).toMatchObject({ outcome: 'retry', ambiguous: false })
  expect(fcm.stats().received).toBe(0)
})

test('a thousand sends at once ask for one access token, and so does its renewal', async () => {
  const clock = { time: Date.now(), now: () => clock.time }
  const channel = open({ clock })
  const before = fcm.tokensIssued()
  const sendAll = () =>
    Promise.all(
      Array.from({ length: 1_000 }, (_, i) =>
        channel.send(push(`sim-${i}`, { expiresAt: clock.time + 1e6 })),
      ),
    )
  expect((await sendAll()).every(({ outcome }) => outcome === 'sent')).toBe(true)
  expect(fcm.tokensIssued()).toBe(before + 1)
  clock.time += 50 * 60_000
  expect((await sendAll()).every(({ outcome }) => outcome === 'sent')).toBe(true)
  await vi.waitFor(() => expect(fcm.tokensIssued()).toBe(before + 2))
  expect(fcm.stats()).toMatchObject({ received: 2_000, distinct: 1_000, duplicates: 1_000 })
})

test('when the access token has run out, all who send wait for the one that is asked for', async () => {
  const clock = { time: Date.now(), now: () => clock.time }
  const channel = open({ clock })
  await channel.send(push())
  const before = fcm.tokensIssued()
  clock.time += 2 * 3_600_000
  const outcomes = await Promise.all(
    Array.from({ length: 300 }, (_, i) => channel.send(push(`sim-${i}`, { expiresAt: clock.time + 1e6 }))),
  )
  expect(outcomes.every(({ outcome }) => outcome === 'sent')).toBe(true)
  expect(fcm.tokensIssued()).toBe(before + 1)
})

test('an access token that FCM stops accepting is renewed once, and the push goes out', async () => {
  const channel = open()
  await channel.send(push())
  const before = fcm.tokensIssued()
  fcm.revokeTokens()
  const outcomes = await Promise.all(Array.from({ length: 50 }, (_, i) => channel.send(push(`sim-${i}`))))
  expect(outcomes.every(({ outcome }) => outcome === 'sent')).toBe(true)
  expect(fcm.tokensIssued()).toBe(before + 1)
})

test('a key that Google does not know stops, and keeps the device', async () => {
  const account = JSON.parse(readFileSync(fcm.serviceAccountFile, 'utf8'))
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const serviceAccountFile = join(dir, 'stranger.json')
  const private_key = privateKey.export({ type: 'pkcs8', format: 'pem' })
  writeFileSync(serviceAccountFile, JSON.stringify({ ...account, private_key }))
  expect(await open({ serviceAccountFile }).send(push())).toEqual({
    outcome: 'refused',
    reason: 'invalid_grant',
    dropToken: false,
    stop: true,
  })
})

test('no answer within the time limit is ambiguous, and the channel goes on', async () => {
  const channel = open({ timeoutMs: 300 })
  await channel.send(push('sim-warm'))
  behave('hang', { for: 'sim-1' })
  const started = performance.now()
  expect(await channel.send(push())).toMatchObject({ outcome: 'retry', reason: 'timeout', ambiguous: true })
  expect(performance.now() - started).toBeLessThan(1_000)
  expect(await channel.send(push('sim-2'))).toEqual({ outcome: 'sent' })
})

test('an answer lost with its connection is ambiguous: the push had arrived', async () => {
  const channel = open()
  await channel.send(push('sim-warm'))
  behave('close', { for: 'sim-1' })
  expect(await channel.send(push())).toMatchObject({ outcome: 'retry', ambiguous: true })
  expect(fcm.count('sim-1', 'n-1')).toBe(1)
  behave('ok')
  expect(await channel.send(push())).toEqual({ outcome: 'sent' })
  expect(fcm.count('sim-1', 'n-1')).toBe(2)
})

test('a dead FCM is told at once, nothing is ambiguous, and it comes back by itself', async () => {
  const channel = open()
  await channel.send(push('sim-warm'))
  behave('dead')
  await vi.waitFor(async () => {
    expect(await channel.send(push())).toMatchObject({ outcome: 'retry', ambiguous: false })
    expect(channel.state()).toBe('down')
  })
  const started = performance.now()
  const outcomes = await Promise.all(Array.from({ length: 500 }, () => channel.send(push())))
  expect(outcomes.every(outcome => outcome.outcome === 'retry' && !outcome.ambiguous)).toBe(true)
  expect(performance.now() - started).toBeLessThan(1_000)
  behave('ok')
  await vi.waitFor(() => expect(channel.send(push())).resolves.toEqual({ outcome: 'sent' }), 8_000)
  expect(channel.state()).toBe('ok')
  expect(fcm.count('sim-1', 'n-1')).toBe(1)
})

test('GOAWAY in the middle of a stream of pushes loses none and repeats none', async () => {
  const channel = open()
  let sent = 0
  const worker = async (from: number) => {
    for (let i = from; i < from + 40; i++) {
      expect(await channel.send(push(`sim-${i}`))).toEqual({ outcome: 'sent' })
      sent += 1
      if (sent % 500 === 0) fcm.goaway()
    }
  }
  await Promise.all(Array.from({ length: 60 }, (_, i) => worker(i * 40)))
  expect(fcm.stats()).toMatchObject({ received: 2_400, distinct: 2_400, duplicates: 0 })
})

test('aborting rejects at once, before and during', async () => {
  const channel = open()
  await expect(channel.send(push(), AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped')
  await channel.send(push('sim-warm'))
  behave('hang')
  const controller = new AbortController()
  const pending = channel.send(push(), controller.signal)
  controller.abort(new Error('stopped too'))
  await expect(pending).rejects.toThrow('stopped too')
})

test('hundreds of sends share one signal, and one abort ends them all', async () => {
  const warnings: Error[] = []
  const onWarning = (warning: Error) => warnings.push(warning)
  process.on('warning', onWarning)
  const channel = open()
  const controller = new AbortController()
  const sendAll = () =>
    Promise.allSettled(
      Array.from({ length: 300 }, (_, i) => channel.send(push(`sim-${i}`), controller.signal)),
    )
  expect((await sendAll()).every(({ status }) => status === 'fulfilled')).toBe(true)
  behave('hang')
  const pending = sendAll()
  await vi.waitFor(() => expect(fcm.stats().byOutcome.hang).toBeGreaterThan(100))
  controller.abort()
  expect((await pending).every(({ status }) => status === 'rejected')).toBe(true)
  process.off('warning', onWarning)
  expect(warnings).toEqual([])
})

test('a closed channel sends nothing any more', async () => {
  const channel = open()
  await channel.close()
  await channel.close()
  expect(await channel.send(push())).toMatchObject({ outcome: 'retry', ambiguous: false })
  expect(fcm.stats().received).toBe(0)
})

test('an account file that cannot serve says which field, and no value of it', () => {
  const file = join(dir, 'broken.json')
  const account = JSON.parse(readFileSync(fcm.serviceAccountFile, 'utf8'))
  const openWith = (more: object) => () => {
    writeFileSync(file, JSON.stringify({ ...account, ...more }))
    open({ serviceAccountFile: file })
  }
  expect(openWith({ private_key: undefined })).toThrow('private_key is missing')
  expect(openWith({ private_key: 'secret' })).toThrow(/^((?!secret).)*$/)
  expect(openWith({ token_uri: 'http://192.0.2.1/token' })).toThrow('https')
})

test('nothing of the devices, the messages or the keys is in the log', () => {
  const text = JSON.stringify(logged)
  expect(logged.length).toBeGreaterThan(3)
  expect(text).not.toMatch(/sim-|ya29|Médina|Bearer|BEGIN|n-1/)
})
