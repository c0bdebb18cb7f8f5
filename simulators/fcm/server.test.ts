import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createAuthority } from '../authority.ts'
import type { ServiceAccount } from './account.ts'
import { type Fcm, startFcm } from './index.ts'

const dir = mkdtempSync(join(tmpdir(), 'fcm-server-'))
let tls: { key: string; cert: string }
let agent: Agent
let fcm: Fcm
let account: ServiceAccount
let time = Date.now()

const start = () => startFcm({ tls, dir, now: () => time, random: () => 0.5 })

beforeAll(async () => {
  const authority = await createAuthority()
  tls = await authority.issue()
  agent = new Agent({ connect: { ca: authority.caPem } })
  fcm = await start()
  account = JSON.parse(readFileSync(fcm.serviceAccountFile, 'utf8'))
})
afterAll(async () => {
  await agent.close()
  await fcm.close()
  rmSync(dir, { recursive: true })
})
beforeEach(() => {
  fcm.behave({ outcome: 'ok', share: 1, latencyMs: 0 })
  fcm.forget()
})

async function post(path: string, body: string, headers: Record<string, string> = {}) {
  const answer = await request(`${fcm.baseUrl}${path}`, { method: 'POST', body, headers, dispatcher: agent })
  const text = await answer.body.text()
  return { status: answer.statusCode, headers: answer.headers, text, json: () => JSON.parse(text) }
}

interface Claims {
  iss?: string
  aud?: string
  scope?: string
  lifeS?: number
  ageS?: number
  key?: string
}

async function askToken(claims: Claims = {}) {
  const issuedAt = Math.floor(time / 1000) - (claims.ageS ?? 0)
  const assertion = await new SignJWT({
    scope: claims.scope ?? 'https://www.googleapis.com/auth/firebase.messaging',
  })
    .setProtectedHeader({ alg: 'RS256' })
    .setIssuer(claims.iss ?? account.client_email)
    .setAudience(claims.aud ?? account.token_uri)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + (claims.lifeS ?? 3600))
    .sign(createPrivateKey(claims.key ?? account.private_key))
  const form = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion })
  return post('/token', form.toString(), { 'content-type': 'application/x-www-form-urlencoded' })
}

const SEND = '/v1/projects/samaconso-demo/messages:send'
async function bearer(): Promise<Record<string, string>> {
  return { authorization: `Bearer ${(await askToken()).json().access_token}` }
}
const send = async (message: object, path = SEND) => post(path, JSON.stringify({ message }), await bearer())

test('a token is given only to an assertion that is signed, addressed, short-lived and scoped as it must be', async () => {
  expect((await askToken()).json()).toMatchObject({ token_type: 'Bearer', expires_in: 3600 })
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  })
  const refused: [Claims, string][] = [
    [{ key: stranger.toString() }, 'invalid_grant'],
    [{ iss: 'someone@else.example' }, 'invalid_grant'],
    [{ aud: 'https://oauth2.example/token' }, 'invalid_grant'],
    [{ lifeS: 3700 }, 'invalid_grant'],
    [{ ageS: 4000 }, 'invalid_grant'],
    [{ scope: 'https://www.googleapis.com/auth/drive' }, 'invalid_scope'],
  ]
  for (const [claims, error] of refused) {
    const answer = await askToken(claims)
    expect([answer.status, answer.json().error]).toEqual([400, error])
  }
  expect((await post('/token', 'grant_type=password')).json().error).toBe('unsupported_grant_type')
})

test('a send needs a living token and the account’s project', async () => {
  const message = { token: 'sim-1' }
  expect((await post(SEND, JSON.stringify({ message }))).status).toBe(401)
  const headers = await bearer()
  expect((await post(SEND, JSON.stringify({ message }), headers)).status).toBe(200)
  time += 3_601_000
  expect((await post(SEND, JSON.stringify({ message }), headers)).json().error.status).toBe('UNAUTHENTICATED')
  expect((await send(message, '/v1/projects/another/messages:send')).status).toBe(403)
})

test('an accepted message is answered with its name, over HTTP/1.1 too', async () => {
  const answer = await send({ token: 'sim-1', data: { notificationId: 'n-1' } })
  expect(answer.status).toBe(200)
  expect(answer.json().name).toMatch(/^projects\/samaconso-demo\/messages\/./)
  expect(fcm.stats()).toMatchObject({ received: 1, distinct: 1, byOutcome: { ok: 1 } })
})

test('a payload of another shape is INVALID_ARGUMENT and names the field', async () => {
  const cases: [object, string][] = [
    [{ token: 'sim-1', surprise: 1 }, 'message'],
    [{ token: 'sim-1', android: { notification: { surprise: 1 } } }, 'message.android.notification'],
    [{ token: 'sim-1', data: { a: 1 } }, 'message.data'],
    [{ token: 'sim-1', data: { 'google.a': 'x' } }, 'message.data'],
    [{ token: 'sim-1', android: { ttl: 60 } }, 'message.android.ttl'],
    [{ token: 'sim-1', android: { ttl: '9999999s' } }, 'message.android.ttl'],
    [{ token: 'sim-1', android: { priority: 'urgent' } }, 'message.android.priority'],
    [{ token: 'sim-1', notification: 'hello' }, 'message.notification'],
    [{ notification: { title: 'x' } }, 'message'],
  ]
  for (const [message, field] of cases) {
    const answer = await send(message)
    const { error } = answer.json()
    expect([answer.status, error.status, error.details[0].fieldViolations[0].field]).toEqual([
      400,
      'INVALID_ARGUMENT',
      field,
    ])
  }
  expect((await post(SEND, '{', await bearer())).status).toBe(400)
  expect((await post(SEND, 'x'.repeat(100_000), await bearer())).status).toBe(413)
  expect((await send({ token: 'sim-1', notification: { body: 'é'.repeat(3_000) } })).status).toBe(400)
})

test('the token tells the fate, in the error form of FCM', async () => {
  const fate = async (token: string) => {
    const { error } = (await send({ token })).json()
    return [error.code, error.status, error.details[0].errorCode]
  }
  expect(await fate('sim-dead-1')).toEqual([404, 'NOT_FOUND', 'UNREGISTERED'])
  expect(await fate('sim-bad-1')).toEqual([400, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'])
  expect(await fate('sim-foreign-1')).toEqual([403, 'PERMISSION_DENIED', 'SENDER_ID_MISMATCH'])
  expect(await fate('anything')).toEqual([400, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'])
  expect(fcm.stats().byOutcome).toMatchObject({ UNREGISTERED: 1, INVALID_ARGUMENT: 2, SENDER_ID_MISMATCH: 1 })
})

test('trouble happens to its share, and to the tokens it was meant for', async () => {
  const message = { token: 'sim-1' }
  fcm.behave({ outcome: 'UNAVAILABLE', share: 0.6, latencyMs: 0, retryAfterSeconds: 7 })
  const answer = await send(message)
  expect([answer.status, answer.headers['retry-after']]).toEqual([503, '7'])
  fcm.behave({ outcome: 'UNAVAILABLE', share: 0.4, latencyMs: 0 })
  expect((await send(message)).status).toBe(200)
  fcm.behave({ outcome: 'INTERNAL', share: 1, latencyMs: 0, for: 'sim-2' })
  expect((await send(message)).status).toBe(200)
  expect((await send({ token: 'sim-2' })).status).toBe(500)
})

test('slowness is what it says', async () => {
  fcm.behave({ outcome: 'ok', share: 1, latencyMs: 80 })
  const started = performance.now()
  expect((await send({ token: 'sim-1' })).status).toBe(200)
  expect(performance.now() - started).toBeGreaterThanOrEqual(79)
})

test('a device’s last messages are found, newest first', async () => {
  for (let i = 1; i <= 22; i++)
    await send({ token: 'sim-1', notification: { title: `t${i}` }, data: { notificationId: `n-${i}` } })
  const pushes = fcm.pushes('sim-1')
  expect([pushes.length, pushes[0]?.title, pushes[19]?.notificationId]).toEqual([20, 't22', 'n-3'])
})

test('a restart keeps the account’s key and the ledger', async () => {
  await send({ token: 'sim-1', data: { notificationId: 'n-1' } })
  await send({ token: 'sim-1', data: { notificationId: 'n-1' } })
  await fcm.close()
  fcm = await start()
  const again = JSON.parse(readFileSync(fcm.serviceAccountFile, 'utf8'))
  expect(again.private_key).toBe(account.private_key)
  expect(again.token_uri).toBe(`${fcm.baseUrl}/token`)
  account = again
  expect(fcm.stats()).toMatchObject({ received: 2, distinct: 1, duplicates: 1 })
  expect(fcm.count('sim-1', 'n-1')).toBe(2)
})

test('a port that is taken is refused', async () => {
  await expect(startFcm({ tls, dir: join(dir, 'other'), port: fcm.port })).rejects.toThrow('EADDRINUSE')
})
