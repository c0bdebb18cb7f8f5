import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Accounts, openAccounts, type Person, workOf } from '../../../test/accounts.ts'

const MINUTE = 60_000

let accounts: Accounts
beforeAll(async () => {
  accounts = await openAccounts()
})
afterAll(() => accounts.close())

const onDevice = (person: Person, pin = person.pin) =>
  accounts.signIn(
    { phone: person.phone, pin },
    { device: { id: person.deviceId }, deviceSecret: person.deviceSecret },
  )

describe('a PIN opens nothing alone', () => {
  it('on a device that no code has proved: 403, right PIN or wrong, and no PIN is looked at', async () => {
    const awa = await accounts.newcomer()
    for (const [pin, how] of [
      [awa.pin, { device: { id: 'new' } }],
      ['5918', { device: { id: 'new' } }],
      [awa.pin, { device: { id: 'new' }, deviceSecret: awa.deviceSecret }],
      [awa.pin, { device: { id: awa.deviceId }, deviceSecret: 'made up' }],
      [awa.pin, { device: { id: awa.deviceId }, code: '123987' }],
    ] as const) {
      const work = await workOf(accounts.services, () => accounts.signIn({ phone: awa.phone, pin }, how))
      expect([work.answer.status, work.answer.body.code]).toEqual([403, 'device_not_verified'])
      expect(work.hashes).toBe(0)
    }
    const [row] = await accounts.services.db.query<{ failed_attempts: number }>(
      'select failed_attempts from accounts where id = $1',
      [awa.id],
    )
    expect(row?.failed_attempts).toBe(0)
  })

  it('and a phone without an account gets the same answer for the same work', async () => {
    const awa = await accounts.newcomer()
    const unknown = '+221707000001'
    for (const how of [
      { device: { id: awa.deviceId } },
      { device: { id: awa.deviceId }, deviceSecret: 'made up' },
      { device: { id: awa.deviceId }, deviceSecret: awa.deviceSecret.replace(/^./, '_'), code: '123987' },
      { device: { id: 'new', pushToken: 'sim-x' }, code: '123987' },
    ]) {
      const one = await workOf(accounts.services, () => accounts.signIn(awa, how))
      const other = await workOf(accounts.services, () =>
        accounts.signIn({ phone: unknown, pin: awa.pin }, how),
      )
      expect(other.answer.status).toBe(403)
      expect({ ...other.answer.body, requestId: '' }).toEqual({ ...one.answer.body, requestId: '' })
      expect(other.statements).toEqual(one.statements)
      expect([one.hashes, other.hashes]).toEqual([0, 0])
    }
  })
})

describe('a new device', () => {
  it('is proved by the code of an SMS and gets its secret once', async () => {
    const awa = await accounts.newcomer()
    const code = await accounts.code(awa.phone, 'device')
    const device = { id: 'second-phone', name: 'Tecno', platform: 'android', pushToken: 'sim-second' }
    const first = await accounts.signIn(awa, { device, code })
    expect(first.status).toBe(200)
    expect(first.body).toMatchObject({ expiresIn: 1_800, user: { id: awa.id } })
    const { deviceSecret } = first.body
    const again = await accounts.signIn(awa, { device: { id: 'second-phone' }, deviceSecret })
    expect(again.status).toBe(200)
    expect(again.text).not.toContain(deviceSecret)
    // The code is used up.
    expect((await accounts.signIn(awa, { device: { id: 'third' }, code })).status).toBe(403)
    // The first device still opens.
    expect((await onDevice(awa)).status).toBe(200)
  })

  it('that was mistyped on may use its code again with the right PIN; only success uses it up', async () => {
    const awa = await accounts.newcomer()
    const code = await accounts.code(awa.phone, 'device')
    const wrong = await accounts.signIn({ ...awa, pin: '5918' }, { device: { id: 'new' }, code })
    expect([wrong.status, wrong.body.code]).toEqual([401, 'invalid_credentials'])
    expect((await accounts.signIn(awa, { device: { id: 'new' }, code })).status).toBe(200)
  })

  it('gives at most five guesses of the PIN for one code, also at the same moment', async () => {
    const awa = await accounts.newcomer()
    const code = await accounts.code(awa.phone, 'device')
    const guesses = await Promise.all(
      Array.from({ length: 12 }, () =>
        accounts.signIn({ ...awa, pin: '5918' }, { device: { id: 'new' }, code }),
      ),
    )
    expect(guesses.filter(({ status }) => status === 401)).toHaveLength(5)
    expect(guesses.filter(({ status }) => status === 403)).toHaveLength(7)
  })

  it('proved twice at once with one code is proved once', async () => {
    const awa = await accounts.newcomer()
    const code = await accounts.code(awa.phone, 'device')
    const answers = await Promise.all([
      accounts.signIn(awa, { device: { id: 'one' }, code }),
      accounts.signIn(awa, { device: { id: 'two' }, code }),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 403])
  })
})

describe('attempts on a PIN', () => {
  it('cost one verification each, and one wrong is told as wrong', async () => {
    const awa = await accounts.newcomer()
    const wrong = await workOf(accounts.services, () => onDevice(awa, '5918'))
    expect([wrong.answer.status, wrong.answer.body.code, wrong.hashes]).toEqual([
      401,
      'invalid_credentials',
      1,
    ])
    const right = await workOf(accounts.services, () => onDevice(awa))
    expect([right.answer.status, right.hashes]).toEqual([200, 1])
  })

  it('lock the device at the fifth failure for 15 minutes, then for twice as long', async () => {
    const awa = await accounts.newcomer()
    const fail = async () => {
      for (let n = 1; n <= 5; n++) expect((await onDevice(awa, '5918')).status).toBe(401)
    }
    await fail()
    const locked = await workOf(accounts.services, () => onDevice(awa))
    expect([locked.answer.status, locked.answer.body.code, locked.hashes]).toEqual([429, 'rate_limited', 0])
    expect(Number(locked.answer.headers['retry-after'])).toBeGreaterThan(890)
    accounts.services.clock.advance(14 * MINUTE)
    expect((await onDevice(awa)).status).toBe(429)
    accounts.services.clock.advance(2 * MINUTE)
    await fail()
    accounts.services.clock.advance(29 * MINUTE)
    expect((await onDevice(awa)).status).toBe(429)
    accounts.services.clock.advance(2 * MINUTE)
    expect((await onDevice(awa)).status).toBe(200)
    // And a success starts the count anew.
    for (let n = 1; n <= 4; n++) await onDevice(awa, '5918')
    expect((await onDevice(awa)).status).toBe(200)
  })

  it('cannot outrun the count by coming at the same moment', async () => {
    const awa = await accounts.newcomer()
    const guesses = await Promise.all(Array.from({ length: 30 }, () => onDevice(awa, '5918')))
    expect(guesses.filter(({ status }) => status === 401)).toHaveLength(5)
    expect(guesses.filter(({ status }) => status === 429)).toHaveLength(25)
  })

  it('that are right do not lock each other out, many at the same moment', async () => {
    const awa = await accounts.newcomer()
    const answers = await Promise.all(Array.from({ length: 12 }, () => onDevice(awa)))
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200))
  })

  it('on one device leave the customer’s others alone, until ten on the account', async () => {
    const awa = await accounts.newcomer()
    const others: Person[] = []
    for (const id of ['second', 'third']) {
      const code = await accounts.code(awa.phone, 'device')
      const { body } = await accounts.signIn(awa, { device: { id }, code })
      others.push({ ...awa, deviceId: id, deviceSecret: body.deviceSecret })
    }
    const [second, third] = others as [Person, Person]
    for (let n = 1; n <= 5; n++) await onDevice(awa, '5918')
    expect((await onDevice(awa)).status).toBe(429)
    // Ten in a row, by whatever devices: the account waits.
    for (let n = 1; n <= 5; n++) await onDevice(second, '5918')
    expect((await onDevice(third)).status).toBe(429)
    accounts.services.clock.advance(16 * MINUTE)
    expect((await onDevice(third)).status).toBe(200)
  })

  it('of strangers cannot lock an account', async () => {
    const awa = await accounts.newcomer()
    for (let n = 1; n <= 30; n++) {
      await accounts.signIn({ ...awa, pin: '5918' }, { device: { id: `stranger-${n}` }, deviceSecret: 'x' })
    }
    expect((await onDevice(awa)).status).toBe(200)
  })
})

it('a disabled account is told so to who gives the right PIN, and opens nothing', async () => {
  const awa = await accounts.newcomer()
  await accounts.services.db.query('update accounts set disabled_at = now() where id = $1', [awa.id])
  expect((await onDevice(awa, '5918')).status).toBe(401)
  const answer = await onDevice(awa)
  expect([answer.status, answer.body.code]).toEqual([403, 'forbidden'])
  expect(answer.body.accessToken).toBeUndefined()
})

it('an account without a PIN of ours opens for nobody, and breaks nothing', async () => {
  const awa = await accounts.newcomer()
  await accounts.services.db.query("update accounts set secret_hash = 'none' where id = $1", [awa.id])
  const work = await workOf(accounts.services, () => onDevice(awa))
  expect([work.answer.status, work.answer.body.code, work.hashes]).toEqual([401, 'invalid_credentials', 1])
})

it('sign-ins, registrations, resets and code requests of one network are limited together', async () => {
  const limited = await openAccounts({ LIMIT_SIGN_INS_PER_NETWORK: '4' })
  try {
    const phone = '+221708000001'
    const device = { id: 'x' }
    const from = (ip: string) => [
      () => limited.call('POST', '/v1/auth/otp', { body: { phone, purpose: 'register' }, ip }),
      () =>
        limited.call('POST', '/v1/auth/token', { body: { grant: 'pin', phone, pin: '5918', device }, ip }),
      () =>
        limited.call('POST', '/v1/auth/token', {
          body: { grant: 'password', login: 'nobody', password: 'nothing' },
          ip,
        }),
      () => limited.call('POST', '/v1/auth/pin-reset', { body: { phone, code: '123987', pin: '5918' }, ip }),
    ]
    for (const act of from('192.0.2.1')) expect((await act()).status).not.toBe(429)
    for (const act of from('192.0.2.1')) {
      const answer = await act()
      expect([answer.status, answer.body.code]).toEqual([429, 'rate_limited'])
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    }
    const [, signIn] = from('192.0.2.2')
    expect((await signIn?.())?.status).toBe(403)
  } finally {
    await limited.close()
  }
})
