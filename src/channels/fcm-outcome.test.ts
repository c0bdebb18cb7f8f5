import { expect, test } from 'vitest'
import { fcmOutcome } from './fcm-outcome.ts'

const NOW = Date.UTC(2026, 6, 3, 12)
const answered = (status: number, body: unknown, retryAfter?: string) =>
  fcmOutcome(
    { kind: 'answered', status, retryAfter, body: typeof body === 'string' ? body : JSON.stringify(body) },
    NOW,
  )
const fcm = (errorCode: string) => ({
  '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError',
  errorCode,
})
const badRequest = (field: string) => ({
  '@type': 'type.googleapis.com/google.rpc.BadRequest',
  fieldViolations: [{ field, description: 'the value sim-secret is wrong' }],
})
const error = (code: number, message: string, ...details: object[]) => ({ error: { code, message, details } })

test('a token is dropped for INVALID_ARGUMENT only when FCM names the token', () => {
  const drop = { outcome: 'refused', reason: 'INVALID_ARGUMENT', dropToken: true, stop: false }
  const ours = { outcome: 'refused', dropToken: false, stop: true }
  const tokenText = 'The registration token is not a valid FCM registration token'
  expect(answered(400, error(400, tokenText, fcm('INVALID_ARGUMENT')))).toEqual(drop)
  expect(
    answered(400, error(400, 'invalid argument', fcm('INVALID_ARGUMENT'), badRequest('message.token'))),
  ).toEqual(drop)
  expect(answered(400, error(400, 'Message too big', fcm('INVALID_ARGUMENT')))).toMatchObject(ours)
  expect(answered(400, error(400, 'invalid', badRequest('message.data[0].value')))).toMatchObject({
    ...ours,
    reason: 'INVALID_ARGUMENT message.data[0].value',
  })
  expect(answered(400, error(400, 'Request contains an invalid argument.'))).toMatchObject(ours)
})

test('the errorCode decides, not the status: a 404 or 403 without one is not the token’s fault', () => {
  const ours = { outcome: 'refused', dropToken: false, stop: true }
  expect(answered(404, error(404, 'Requested entity was not found.'))).toMatchObject(ours)
  expect(answered(403, error(403, 'The API is not enabled'))).toMatchObject(ours)
  expect(answered(404, error(404, 'x', fcm('UNREGISTERED')))).toEqual({ outcome: 'unregistered' })
  expect(answered(400, error(400, 'x', fcm('UNREGISTERED')))).toEqual({ outcome: 'unregistered' })
})

test('pages of proxies and front ends are retried, as ambiguous when a gateway lost what is behind it', () => {
  expect(answered(502, '<!DOCTYPE html><title>Error 502</title>')).toMatchObject({
    outcome: 'retry',
    ambiguous: true,
  })
  expect(answered(503, '<html>busy</html>', '7')).toEqual({
    outcome: 'retry',
    reason: 'HTTP 503',
    afterMs: 7_000,
    ambiguous: false,
  })
})

test('Retry-After is read as seconds and as a date, and bounded; nonsense is ignored', () => {
  const after = (retryAfter?: string) => {
    const outcome = answered(503, error(503, 'x', fcm('UNAVAILABLE')), retryAfter)
    return typeof outcome === 'object' && outcome.outcome === 'retry' ? outcome.afterMs : null
  }
  expect(after('120')).toBe(120_000)
  expect(after(new Date(NOW + 90_000).toUTCString())).toBe(90_000)
  expect(after(new Date(NOW - 90_000).toUTCString())).toBe(0)
  expect(after('99999999')).toBe(24 * 3_600_000)
  expect(after('soon')).toBe(10_000)
  expect(after()).toBe(10_000)
})

test('the quota of one device slows that device alone, the project’s slows everyone', () => {
  const quota = { '@type': 'type.googleapis.com/google.rpc.QuotaFailure' }
  expect(answered(429, error(429, 'Resource has been exhausted', fcm('QUOTA_EXCEEDED')))).toEqual({
    outcome: 'retry',
    reason: 'QUOTA_EXCEEDED',
    afterMs: 60_000,
    ambiguous: false,
    slowDown: true,
  })
  const ofDevice = {
    ...quota,
    violations: [{ subject: 'device:x', description: 'Device message rate exceeded' }],
  }
  expect(answered(429, error(429, 'exhausted', fcm('QUOTA_EXCEEDED'), ofDevice))).not.toHaveProperty(
    'slowDown',
  )
})

test('an answer that is cut off or hostile is only its status', () => {
  for (const body of ['', '{', '[]', 'null', '{"error":7}', '{"error":{"details":{"a":1}}}', '"x"']) {
    expect(answered(500, body)).toMatchObject({ outcome: 'retry', ambiguous: false })
    expect(answered(401, body)).toBe('unauthenticated')
  }
})
