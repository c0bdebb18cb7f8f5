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
