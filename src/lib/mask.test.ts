import fc from 'fast-check'
import { expect, it } from 'vitest'
import { maskedError } from './mask.ts'

it.each([
  ['no SMS to +221770000001', 'no SMS to •'],
  ['no SMS to 77 000 00 01.', 'no SMS to •.'],
  ['PIN 7394 is wrong', 'PIN • is wrong'],
  ['connect amqp://user:secret@10.0.0.1:5672 failed', 'connect amqp://•@•:• failed'],
  ['mail to awa.diop@example.sn bounced', 'mail to • bounced'],
  ['invalid input syntax for type integer: "Awa Diop"', 'invalid input syntax for type integer: "•"'],
  ['token eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.abc is bad', 'token • is bad'],
  [
    'delivery 019b76da-a800-7c4b-9569-42c482582c28 failed',
    'delivery 019b76da-a800-7c4b-9569-42c482582c28 failed',
  ],
  ['answered 503 after 15 s', 'answered 503 after 15 s'],
  [
    'duplicate key value violates unique constraint "devices_pkey"',
    'duplicate key value violates unique constraint "devices_pkey"',
  ],
])('%s → %s', (text, expected) => {
  expect(maskedError(new Error(text))).toBe(expected)
})

it('whatever is thrown becomes a bounded text that PostgreSQL can keep', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 3_000 }), text => {
      const masked = maskedError(text)
      expect(masked.length).toBeLessThanOrEqual(500)
      expect(masked.isWellFormed() && !masked.includes('\0')).toBe(true)
    }),
  )
  expect(maskedError(undefined)).toBe('undefined')
})

it('no phone number survives, however it is written', () => {
  const digits = fc.array(fc.constantFrom(...'0123456789'), { minLength: 7, maxLength: 12 })
  fc.assert(
    fc.property(digits, fc.constantFrom('', ' ', '-', '.'), fc.string(), (number, between, around) => {
      const masked = maskedError(`${around} ${number.join(between)} ${around}`)
      expect(masked).not.toContain(number.join(between))
    }),
  )
})
