import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Accounts, openAccounts } from '../../../test/accounts.ts'

let accounts: Accounts
beforeAll(async () => {
  accounts = await openAccounts()
})
afterAll(() => accounts.close())

const body = (phone: string, code: string | null, more: Record<string, unknown> = {}) => ({
  phone,
  code,
  pin: '7394',
  firstName: 'Awa',
  lastName: 'Diop',
  device: { id: 'phone-1', platform: 'android' },
  ...more,
})
const register = (payload: Record<string, unknown>) =>
  accounts.call('POST', '/v1/auth/register', { body: payload })

describe('registering', () => {
  it('makes the account, a proved device and a session, and tells the secrets once', async () => {
    const phone = '+221771000001'
    const answer = await register(
      body('77 100 00 01', await accounts.code(phone, 'register'), {
        firstName: '  Aïssatou ',
        language: 'wo',
      }),
    )
    expect(answer.status).toBe(201)
    expect(answer.body).toEqual({
      user: {
        id: expect.any(String),
        role: 'customer',
        phone,
        login: null,
        firstName: 'Aïssatou',
        lastName: 'Diop',
        language: 'wo',
        agencyId: null,
        createdAt: expect.any(String),
      },
      accessToken: expect.any(String),
      refreshToken: expect.any(String),
      expiresIn: 1_800,
      deviceSecret: expect.any(String),
    })
    const { accessToken, refreshToken, deviceSecret } = answer.body
    const me = await accounts.call('GET', '/v1/me', { token: accessToken })
    expect(me.body).toEqual(answer.body.user)
    const again = await accounts.signIn({ phone, pin: '7394' }, { device: { id: 'phone-1' }, deviceSecret })
    expect(again.status).toBe(200)
    expect(again.body.deviceSecret).toBeUndefined()
    const kept = await accounts.services.db.query<{ row: string }>(
      `select to_jsonb(a)::text "row" from accounts a union all select to_jsonb(d)::text from devices d
       union all select to_jsonb(s)::text from sessions s`,
    )
    const dump = kept.map(({ row }) => row).join()
    for (const secret of [accessToken, refreshToken, deviceSecret, '7394"'])
      expect(dump).not.toContain(secret)
  })

  it('is in French unless said otherwise', async () => {
    const phone = '+221771000002'
    const answer = await register(body(phone, await accounts.code(phone, 'register')))
    expect(answer.body.user.language).toBe('fr')
  })

  it('says "already registered" only to who holds the phone', async () => {
    const { phone } = await accounts.newcomer()
    expect((await register(body(phone, '123987'))).body.code).toBe('code_invalid')
    // Asked before the account was made elsewhere.
    const fresh = '+221771000003'
    const code = await accounts.code(fresh, 'register')
    await accounts.services.db.query('update accounts set phone = $2 where phone = $1', [phone, fresh])
    const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0')
    expect((await register(body(fresh, wrong))).body.code).toBe('code_invalid')
    const right = await register(body(fresh, code))
    expect([right.status, right.body.code]).toEqual([409, 'already_registered'])
    // And the code is gone.
    expect((await register(body(fresh, code))).body.code).toBe('code_invalid')
  })

  it('takes the push token from whoever had it', async () => {
    const before = await accounts.newcomer({ pushToken: 'sim-moves' })
    const phone = '+221771000004'
    const device = { id: 'phone-1', pushToken: 'sim-moves' }
    const answer = await register(body(phone, await accounts.code(phone, 'register'), { device }))
    expect(answer.status).toBe(201)
    const holders = await accounts.services.db.query<{ customer_id: string }>(
      "select customer_id from devices where push_token = 'sim-moves'",
    )
    expect(holders).toEqual([{ customer_id: answer.body.user.id }])
    expect(before.id).not.toBe(answer.body.user.id)
  })

  it('refuses obvious PINs without costing the code', async () => {
    const phone = '+221771000005'
    const code = await accounts.code(phone, 'register')
    for (const pin of ['0000', '1234', '4321', '1990', '0005', '2580', '123456']) {
      const answer = await register(body(phone, code, { pin }))
      expect([pin, answer.status, answer.body.code]).toEqual([pin, 422, 'pin_too_simple'])
    }
    expect((await register(body(phone, code))).status).toBe(201)
  })

  it.each([
    ['a PIN of three digits', { pin: '739' }],
    ['a PIN with letters', { pin: '73a4' }],
    ['a blank name', { firstName: '   ' }],
    ['a name too long', { lastName: 'D'.repeat(81) }],
    ['a control character', { firstName: 'A\u0007wa' }],
    ['a line break', { lastName: 'Diop\nadmin' }],
    ['an unknown language', { language: 'de' }],
    ['no device', { device: undefined }],
    ['an unknown field', { role: 'admin' }],
    ['a push token with spaces', { device: { id: 'x', pushToken: 'a b' } }],
  ])('refuses %s as invalid', async (_, more) => {
    const answer = await register(body('+221771000006', '123456', more))
    expect([answer.status, answer.body.code]).toEqual([422, 'invalid'])
  })

  it('takes the longest and strangest names that are allowed', async () => {
    const phone = '+221771000007'
    const names = { firstName: '李😀'.repeat(40), lastName: 'ǅ’N-é' }
    const answer = await register(body(phone, await accounts.code(phone, 'register'), names))
    expect([answer.status, answer.body.user?.firstName]).toEqual([201, names.firstName])
  })
})
