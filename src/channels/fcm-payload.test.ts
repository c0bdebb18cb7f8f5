import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createPayloads } from './fcm-payload.ts'

const fcmPayload = createPayloads(false)

const message = (title: string, body: string) => ({
  token: 'sim-x'.padEnd(200, 'x'),
  notificationId: '019b76da-a800-7c4b-9569-42c482582c28',
  type: 'announcement',
  title,
  body,
  priority: 'normal' as const,
  expiresAt: 86_400_000,
})

it('a push of any accepted text fits into what FCM takes, and is never cut inside a character', () => {
  const text = (maxLength: number) => fc.string({ unit: 'grapheme', maxLength })
  fc.assert(
    fc.property(text(200), text(2_000), (title, body) => {
      const payload = fcmPayload(message(title, body), 0)
      expect(payload.length).toBeLessThanOrEqual(4_096)
      const { notification } = JSON.parse(payload.toString()).message
      expect(`${notification.title}${notification.body}`).not.toContain('\ufffd')
      expect(body.startsWith(notification.body.replace(/…$/, ''))).toBe(true)
    }),
  )
  expect(fcmPayload(message('😀'.repeat(200), '😀'.repeat(1_000)), 0).length).toBeLessThanOrEqual(4_096)
})

it('a text that fits is sent as it is', () => {
  const { notification } = JSON.parse(fcmPayload(message('Coupure', 'Retour à 18 h.'), 0).toString()).message
  expect(notification).toEqual({ title: 'Coupure', body: 'Retour à 18 h.' })
})

it('characters that JSON escapes count as what they take', () => {
  for (const build of [fcmPayload, createPayloads(true)]) {
    const payload = build(message('"'.repeat(200), '\\\n"\u0001'.repeat(500)), 0)
    expect(payload.length).toBeLessThanOrEqual(4_096)
    expect(JSON.parse(payload.toString()).message.token).toBe(message('', '').token)
  }
})

it('as data for Android, nothing makes its system display the message, and the others still do', () => {
  const build = createPayloads(true)
  const sent = JSON.parse(
    build(
      { ...message('Coupure', 'Retour à 18 h.'), priority: 'urgent', data: { meter: '141' } },
      0,
    ).toString(),
  ).message
  const id = '019b76da-a800-7c4b-9569-42c482582c28'
  expect(sent).not.toHaveProperty('notification')
  expect(sent.android).toEqual({
    priority: 'HIGH',
    ttl: '86400s',
    data: {
      notificationId: id,
      type: 'announcement',
      meter: '141',
      title: 'Coupure',
      body: 'Retour à 18 h.',
    },
  })
  expect(sent.apns.payload.aps.alert).toEqual({ title: 'Coupure', body: 'Retour à 18 h.' })
  expect(sent.apns.headers['apns-collapse-id']).toBe(id)
  expect(sent.webpush.notification).toEqual({ title: 'Coupure', body: 'Retour à 18 h.', tag: id })
  expect(build(message('t', '😀'.repeat(1_000)), 0).length).toBeLessThanOrEqual(4_096)
})

it('what devices share is never mixed up between messages, and time goes on', () => {
  const build = createPayloads(false)
  const read = (bytes: Buffer) => JSON.parse(bytes.toString()).message
  for (let i = 0; i < 100; i++) {
    const one = { ...message(`t${i % 20}`, 'b'), token: `sim-${i}` }
    expect(read(build(one, 0))).toMatchObject({ token: `sim-${i}`, notification: { title: `t${i % 20}` } })
  }
  expect(read(build(message('t1', 'b'), 0)).android.ttl).toBe('86400s')
  expect(read(build(message('t1', 'b'), 1_000)).android.ttl).toBe('86399s')
  expect(read(build({ ...message('t1', 'b'), token: '"\\é,' }, 0)).token).toBe('"\\é,')
})

it('priority and time to live are each platform’s own', () => {
  const read = (priority: 'urgent' | 'high' | 'normal' | 'low') =>
    JSON.parse(fcmPayload({ ...message('t', 'b'), priority }, 0).toString()).message
  for (const priority of ['urgent', 'high'] as const) {
    expect(read(priority).android.priority).toBe('HIGH')
    expect(read(priority).apns.headers['apns-priority']).toBe('10')
  }
  for (const priority of ['normal', 'low'] as const) {
    expect(read(priority).android.priority).toBe('NORMAL')
    expect(read(priority).apns.headers['apns-priority']).toBe('5')
  }
  expect(read('low').webpush.headers).toEqual({ TTL: '86400', Urgency: 'normal' })
  expect(read('low').apns.headers['apns-expiration']).toBe('86400')
})
