import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Accounts, openAccounts, type Person } from '../../../test/accounts.ts'
import { watchRevocations } from './index.ts'

let accounts: Accounts
let stop: () => Promise<void>
beforeAll(async () => {
  accounts = await openAccounts()
  stop = watchRevocations(accounts.services, accounts.services.tokens).stop
})
afterAll(async () => {
  await stop()
  await accounts.close()
})

const add = (person: Person, id: string, pushToken: string, headers: Record<string, string> = {}) =>
  accounts.call('POST', '/v1/me/devices', {
    token: person.accessToken,
    body: { id, platform: 'android', pushToken },
    headers,
  })
const list = (person: Person) => accounts.call('GET', '/v1/me/devices', { token: person.accessToken })
const remove = (person: Person, id: string) =>
  accounts.call('DELETE', `/v1/me/devices/${encodeURIComponent(id)}`, { token: person.accessToken })
const holders = (pushToken: string) =>
  accounts.services.db.query<{ customer_id: string; installation: string }>(
    'select customer_id, installation from devices where push_token = $1',
    [pushToken],
  )

describe('a device', () => {
  it('is added and updated under the id that the app gave, and its push token is not shown again', async () => {
    const awa = await accounts.newcomer()
    const token = 'sim-never-shown-again-1'
    const added = await add(awa, awa.deviceId, token)
    expect(added.status).toBe(201)
    expect(added.body).toEqual({
      id: awa.deviceId,
      name: null,
      platform: 'android',
      push: true,
      proved: true,
      current: true,
      createdAt: expect.any(String),
      lastSeenAt: expect.any(String),
    })
    await add(awa, awa.deviceId, 'sim-never-shown-again-2')
    const listed = await list(awa)
    expect(listed.body).toEqual({ items: [expect.objectContaining({ id: awa.deviceId })], nextCursor: null })
    for (const text of [added.text, listed.text]) {
      expect(text).not.toContain('never-shown')
      expect(text).not.toContain(awa.deviceSecret)
    }
    expect(await holders(token)).toEqual([])
  })

  it('that nobody proved by a code opens nothing', async () => {
    const awa = await accounts.newcomer()
    expect((await add(awa, 'tablet', 'sim-tablet')).body).toMatchObject({ proved: false, current: false })
    const answer = await accounts.signIn(awa, { device: { id: 'tablet' }, deviceSecret: awa.deviceSecret })
    expect(answer.body.code).toBe('device_not_verified')
  })

  it('gives its push token to the customer who shows it last', async () => {
    const awa = await accounts.newcomer()
    const moussa = await accounts.newcomer()
    await add(awa, 'shared', 'sim-shared')
    await add(moussa, 'shared', 'sim-shared')
    expect(await holders('sim-shared')).toEqual([{ customer_id: moussa.id, installation: 'shared' }])
    // By signing in too.
    const how = { device: { id: awa.deviceId, pushToken: 'sim-shared' }, deviceSecret: awa.deviceSecret }
    expect((await accounts.signIn(awa, how)).status).toBe(200)
    expect(await holders('sim-shared')).toEqual([{ customer_id: awa.id, installation: awa.deviceId }])
    // And within one customer's devices.
    await add(awa, 'other', 'sim-shared')
    expect(await holders('sim-shared')).toEqual([{ customer_id: awa.id, installation: 'other' }])
  })

  it('that many customers claim with one push token at the same moment ends with one', async () => {
    const people: Person[] = []
    for (let n = 1; n <= 4; n++) people.push(await accounts.newcomer())
    const answers = await Promise.all(people.map(person => add(person, 'claimed', 'sim-claimed')))
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201])
    expect(await holders('sim-claimed')).toHaveLength(1)
  })

  it('is created once under its Idempotency-Key, whose other body is refused', async () => {
    const awa = await accounts.newcomer()
    const headers = { 'idempotency-key': 'device-1' }
    const first = await add(awa, 'keyed', 'sim-keyed', headers)
    const again = await add(awa, 'keyed', 'sim-keyed', headers)
    expect([again.status, again.body]).toEqual([201, first.body])
    expect((await add(awa, 'keyed', 'sim-other', headers)).body.code).toBe('idempotency_key_reused')
  })

  it.each([
    ['no platform', { id: 'x', pushToken: 'sim-x' }],
    ['a push token too long', { id: 'x', platform: 'ios', pushToken: 'x'.repeat(2_001) }],
    ['an empty id', { id: '', platform: 'ios', pushToken: 'sim-x' }],
    ['somebody’s id', { id: 'x', platform: 'ios', pushToken: 'sim-x', customerId: 'y' }],
  ])('with %s is refused', async (_, body) => {
    const awa = await accounts.newcomer()
    const answer = await accounts.call('POST', '/v1/me/devices', { token: awa.accessToken, body })
    expect([answer.status, answer.body.code]).toEqual([422, 'invalid'])
  })

  it('takes the longest push token allowed, however random', async () => {
    const awa = await accounts.newcomer()
    const long = Array.from({ length: 2_000 }, () =>
      String.fromCharCode(0x21 + Math.floor(Math.random() * 94)),
    )
    expect((await add(awa, 'long', long.join(''))).status).toBe(201)
  })
})

describe('ten devices', () => {
  it('are the most: the one seen least recently goes, and its sessions end', async () => {
    const awa = await accounts.newcomer()
    accounts.services.clock.advance(1_000)
    const code = await accounts.code(awa.phone, 'device')
    const { body } = await accounts.signIn(awa, { device: { id: 'current' }, code })
    const current: Person = { ...awa, ...body, deviceId: 'current' }
    for (let n = 1; n <= 8; n++) {
      accounts.services.clock.advance(1_000)
      await add(current, `device-${n}`, `sim-ten-${n}`)
    }
    expect((await list(current)).body.items).toHaveLength(10)
    // Refreshing is being seen.
    accounts.services.clock.advance(1_000)
    const refreshed = await accounts.call('POST', '/v1/auth/token', {
      body: { grant: 'refresh', refreshToken: current.refreshToken },
    })
    expect(refreshed.status).toBe(200)
    accounts.services.clock.advance(1_000)
    await add(current, 'device-9', 'sim-ten-9')
    await add(current, 'device-10', 'sim-ten-10')
    const ids = (await list(current)).body.items.map((item: { id: string }) => item.id)
    expect(ids).toHaveLength(10)
    expect(ids).toContain('current')
    expect(ids).not.toContain(awa.deviceId)
    expect(ids).not.toContain('device-1')
    const old = await accounts.call('GET', '/v1/me', { token: awa.accessToken })
    expect(old.body.code).toBe('session_ended')
  })

  it('are the most when many come at the same moment', async () => {
    const awa = await accounts.newcomer()
    await Promise.all(Array.from({ length: 15 }, (_, n) => add(awa, `many-${n}`, `sim-many-${n}`)))
    const rows = await accounts.services.db.query('select 1 from devices where customer_id = $1', [awa.id])
    expect(rows).toHaveLength(10)
  })
})

describe('removing a device', () => {
  it('ends its sessions, its pushes and its secret', async () => {
    const awa = await accounts.newcomer({ pushToken: 'sim-removed' })
    const code = await accounts.code(awa.phone, 'device')
    const { body } = await accounts.signIn(awa, { device: { id: 'a/b ç' }, code })
    const second: Person = { ...awa, ...body, deviceId: 'a/b ç' }
    expect((await remove(second, awa.deviceId)).status).toBe(204)
    expect((await accounts.call('GET', '/v1/me', { token: awa.accessToken })).body.code).toBe('session_ended')
    expect(await holders('sim-removed')).toEqual([])
    const how = { device: { id: awa.deviceId }, deviceSecret: awa.deviceSecret }
    expect((await accounts.signIn(awa, how)).body.code).toBe('device_not_verified')
    expect((await remove(second, awa.deviceId)).status).toBe(404)
    expect((await remove(second, second.deviceId)).status).toBe(204)
  })

  it('of another customer is 404', async () => {
    const awa = await accounts.newcomer()
    const moussa = await accounts.newcomer()
    expect((await remove(moussa, awa.deviceId)).status).toBe(404)
    expect((await list(awa)).body.items).toHaveLength(1)
  })
})
