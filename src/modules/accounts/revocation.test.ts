import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Accounts, openAccounts, type Person } from '../../../test/accounts.ts'
import { until } from '../../../test/harness.ts'
import { inProcessFanout } from '../../cache/index.ts'
import { type AccessTokens, openAccessTokens } from '../../http/index.ts'
import { type RevocationWatch, watchRevocations } from './index.ts'

let accounts: Accounts
let watch: RevocationWatch
beforeAll(async () => {
  accounts = await openAccounts()
  watch = watchRevocations(accounts.services, accounts.services.tokens)
  await watch.ready
})
afterAll(async () => {
  await watch.stop()
  await accounts.close()
})

const me = (token: string) => accounts.call('GET', '/v1/me', { token })
const refresh = (refreshToken: string) =>
  accounts.call('POST', '/v1/auth/token', { body: { grant: 'refresh', refreshToken } })
const onDevice = (person: Person, more: Record<string, unknown> = {}) =>
  accounts.signIn(person, {
    device: { id: person.deviceId, ...more },
    deviceSecret: person.deviceSecret,
  })
const pushTokens = async (person: Person): Promise<(string | null)[]> => {
  const rows = await accounts.services.db.query<{ push_token: string | null }>(
    'select push_token from devices where customer_id = $1 order by created_at',
    [person.id],
  )
  return rows.map(row => row.push_token)
}
/** One more device of a person, signed in. */
async function secondDevice(person: Person, pushToken: string): Promise<Person> {
  const code = await accounts.code(person.phone, 'device')
  const { body } = await accounts.signIn(person, { device: { id: `second-${pushToken}`, pushToken }, code })
  return { ...person, deviceId: `second-${pushToken}`, ...body }
}

describe('signing out', () => {
  it('ends this session at once, access token too, and detaches its push token; others live', async () => {
    const awa = await accounts.newcomer({ pushToken: 'sim-out-1' })
    const other = await secondDevice(awa, 'sim-out-2')
    expect((await accounts.call('POST', '/v1/auth/logout', { token: awa.accessToken })).status).toBe(204)
    expect((await me(awa.accessToken)).body.code).toBe('session_ended')
    expect((await refresh(awa.refreshToken)).body.code).toBe('session_ended')
    expect(await pushTokens(awa)).toEqual([null, 'sim-out-2'])
    expect((await me(other.accessToken)).status).toBe(200)
    // The device stays proved.
    expect((await onDevice(awa)).status).toBe(200)
  })

  it('of all ends every session and detaches every push token', async () => {
    const awa = await accounts.newcomer({ pushToken: 'sim-all-1' })
    const other = await secondDevice(awa, 'sim-all-2')
    const answer = await accounts.call('POST', '/v1/auth/logout', {
      token: other.accessToken,
      body: { all: true },
    })
    expect(answer.status).toBe(204)
    for (const { accessToken, refreshToken } of [awa, other]) {
      expect((await me(accessToken)).body.code).toBe('session_ended')
      expect((await refresh(refreshToken)).body.code).toBe('session_ended')
    }
    expect(await pushTokens(awa)).toEqual([null, null])
  })
})

describe('an ended session', () => {
  const other = async (): Promise<AccessTokens> =>
    openAccessTokens(accounts.services.config.tokenKey, accounts.services.clock)

  it('is refused within 5 s by a process that no message reached', async () => {
    const tokens = await other()
    const deaf = { ...accounts.services, fanout: inProcessFanout() }
    const theirs = watchRevocations(deaf, tokens)
    await theirs.ready
    const awa = await accounts.newcomer()
    await tokens.verify(awa.accessToken)
    await accounts.call('POST', '/v1/auth/logout', { token: awa.accessToken })
    const refused = () =>
      tokens.verify(awa.accessToken).then(
        () => false,
        error => error.code === 'session_ended',
      )
    await until('the revocation seen in the database', refused, 5_000)
    await theirs.stop()
  })

  it('is refused by a process that starts afterwards', async () => {
    const awa = await accounts.newcomer()
    await accounts.call('POST', '/v1/auth/logout', { token: awa.accessToken })
    const tokens = await other()
    await tokens.verify(awa.accessToken)
    const theirs = watchRevocations(accounts.services, tokens)
    await theirs.ready
    await expect(tokens.verify(awa.accessToken)).rejects.toMatchObject({ code: 'session_ended' })
    await theirs.stop()
  })

  it('is found later when the database was away at first', async () => {
    const awa = await accounts.newcomer()
    await accounts.call('POST', '/v1/auth/logout', { token: awa.accessToken })
    const tokens = await other()
    let away = true
    const { db } = accounts.services
    const query: typeof db.query = (text, values) =>
      away ? Promise.reject(new Error('away')) : db.query(text, values)
    const theirs = watchRevocations({ ...accounts.services, db: { ...db, query } }, tokens)
    let ready = false
    void theirs.ready.then(() => {
      ready = true
    })
    await new Promise(done => setImmediate(done))
    expect(ready).toBe(false)
    away = false
    await until('a look that succeeded', () => ready, 5_000)
    await expect(tokens.verify(awa.accessToken)).rejects.toMatchObject({ code: 'session_ended' })
    await theirs.stop()
  })
})

describe('sessions', () => {
  it('are listed to their owner alone, live ones, newest first, page by page', async () => {
    const awa = await accounts.newcomer()
    accounts.services.clock.advance(1_000)
    const second = await onDevice(awa, { name: 'Tecno d’Awa', platform: 'android' })
    accounts.services.clock.advance(1_000)
    const third = await onDevice(awa)
    const token = third.body.accessToken
    const first = await accounts.call('GET', '/v1/me/sessions?limit=2', { token })
    expect(first.status).toBe(200)
    expect(first.body.items).toHaveLength(2)
    expect(first.body.items[0]).toMatchObject({
      current: true,
      device: { id: awa.deviceId, name: 'Tecno d’Awa', platform: 'android' },
      userAgent: expect.any(String),
    })
    const rest = await accounts.call('GET', `/v1/me/sessions?limit=2&cursor=${first.body.nextCursor}`, {
      token,
    })
    expect(rest.body.items).toHaveLength(1)
    expect(rest.body.nextCursor).toBeNull()
    for (const secret of [awa.refreshToken, second.body.refreshToken.split('.')[1], awa.deviceSecret]) {
      expect(first.text + rest.text).not.toContain(secret)
    }
    const bad = await accounts.call('GET', '/v1/me/sessions?cursor=bm90aGluZw', { token })
    expect(bad.status).toBe(422)
  })

  it('are ended one by one by their owner; anybody else’s does not exist', async () => {
    const awa = await accounts.newcomer({ pushToken: 'sim-end-1' })
    const other = await secondDevice(awa, 'sim-end-2')
    const stranger = await accounts.newcomer()
    const { body } = await accounts.call('GET', '/v1/me/sessions', { token: other.accessToken })
    const old = body.items.find((item: { current: boolean }) => !item.current)
    const end = (token: string) => accounts.call('DELETE', `/v1/me/sessions/${old.id}`, { token })
    expect((await end(stranger.accessToken)).status).toBe(404)
    expect((await me(awa.accessToken)).status).toBe(200)
    expect((await end(other.accessToken)).status).toBe(204)
    expect((await me(awa.accessToken)).body.code).toBe('session_ended')
    expect(await pushTokens(awa)).toEqual([null, 'sim-end-2'])
    expect((await end(other.accessToken)).status).toBe(404)
  })
})

describe('a PIN reset', () => {
  it('revokes all sessions and device secrets, unlocks, and tells the devices', async () => {
    const awa = await accounts.newcomer({ pushToken: 'sim-reset-1' })
    const other = await secondDevice(awa, 'sim-reset-2')
    for (let n = 1; n <= 5; n++) await onDevice({ ...awa, pin: '5918' })
    const code = await accounts.code(awa.phone, 'pin-reset')
    const body = { phone: awa.phone, code, pin: '5918' }
    expect((await accounts.call('POST', '/v1/auth/pin-reset', { body })).status).toBe(204)
    for (const { accessToken, refreshToken } of [awa, other]) {
      expect((await me(accessToken)).body.code).toBe('session_ended')
      expect((await refresh(refreshToken)).body.code).toBe('session_ended')
    }
    // The secret of the device opens no more, with either PIN.
    for (const pin of ['7394', '5918']) {
      expect((await onDevice({ ...awa, pin })).body.code).toBe('device_not_verified')
    }
    // Told, on devices that can still be reached.
    const told = await accounts.services.db.query(
      'select type, priority, title from notifications where customer_id = $1',
      [awa.id],
    )
    expect(told).toEqual([{ type: 'security', priority: 'urgent', title: 'Votre code PIN a été changé' }])
    expect(await pushTokens(awa)).toEqual(['sim-reset-1', 'sim-reset-2'])
    const again = await accounts.code(awa.phone, 'device')
    const device = { id: awa.deviceId }
    expect((await accounts.signIn({ ...awa, pin: '5918' }, { device, code: again })).status).toBe(200)
    // The code of the reset served once.
    expect((await accounts.call('POST', '/v1/auth/pin-reset', { body })).body.code).toBe('code_invalid')
  })

  it('refuses an obvious PIN without costing the code', async () => {
    const awa = await accounts.newcomer()
    const code = await accounts.code(awa.phone, 'pin-reset')
    const reset = (pin: string) =>
      accounts.call('POST', '/v1/auth/pin-reset', { body: { phone: awa.phone, code, pin } })
    expect((await reset('1234')).body.code).toBe('pin_too_simple')
    expect((await reset('5918')).status).toBe(204)
  })
})

describe('changing the PIN', () => {
  const change = (token: string, currentPin: string, pin: string) =>
    accounts.call('PUT', '/v1/me/pin', { token, body: { currentPin, pin } })

  it('takes the present one, ends the other sessions and their pushes, keeps this one', async () => {
    const awa = await accounts.newcomer({ pushToken: 'sim-change-1' })
    const other = await secondDevice(awa, 'sim-change-2')
    expect((await change(awa.accessToken, '5918', '2846')).body.code).toBe('invalid_credentials')
    expect((await change(awa.accessToken, awa.pin, '4444')).body.code).toBe('pin_too_simple')
    expect((await change(awa.accessToken, awa.pin, '2846')).status).toBe(204)
    expect((await me(awa.accessToken)).status).toBe(200)
    expect((await me(other.accessToken)).body.code).toBe('session_ended')
    expect(await pushTokens(awa)).toEqual(['sim-change-1', null])
    expect((await onDevice(awa)).status).toBe(401)
    expect((await onDevice({ ...awa, pin: '2846' })).status).toBe(200)
  })

  it('is no way around the limit of attempts', async () => {
    const awa = await accounts.newcomer()
    for (let n = 1; n <= 5; n++) await change(awa.accessToken, '5918', '2846')
    expect((await change(awa.accessToken, awa.pin, '2846')).body.code).toBe('rate_limited')
    expect((await onDevice(awa)).body.code).toBe('rate_limited')
  })
})

describe('a profile', () => {
  it('is read and corrected by its owner', async () => {
    const awa = await accounts.newcomer()
    const token = awa.accessToken
    const patched = await accounts.call('PATCH', '/v1/me', {
      token,
      body: { lastName: ' Ndiaye ', language: 'en' },
    })
    expect(patched.status).toBe(200)
    expect(patched.body).toMatchObject({
      firstName: 'Awa',
      lastName: 'Ndiaye',
      language: 'en',
      phone: awa.phone,
    })
    expect((await me(token)).body).toEqual(patched.body)
    const [row] = await accounts.services.db.query(
      'select name_key, family_key from accounts where id = $1',
      [awa.id],
    )
    expect(row).toEqual({ name_key: 'awa ndiaye', family_key: 'ndiaye awa' })
  })

  it.each([
    ['nothing', {}],
    ['the phone', { phone: '+221771234567' }],
    ['the role', { role: 'admin' }],
    ['a blank name', { firstName: ' ' }],
  ])('takes no change of %s', async (_, body) => {
    const awa = await accounts.newcomer()
    const answer = await accounts.call('PATCH', '/v1/me', { token: awa.accessToken, body })
    expect([answer.status, answer.body.code]).toEqual([422, 'invalid'])
  })
})
