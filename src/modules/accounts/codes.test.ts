import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Accounts, openAccounts, workOf } from '../../../test/accounts.ts'

let accounts: Accounts
beforeAll(async () => {
  accounts = await openAccounts()
})
afterAll(() => accounts.close())

const ask = (phone: string, purpose: string, headers: Record<string, string> = {}) =>
  accounts.call('POST', '/v1/auth/otp', { body: { phone, purpose }, headers })

const registration = (phone: string, code: string) => ({
  phone,
  code,
  pin: '7394',
  firstName: 'Awa',
  lastName: 'Diop',
  device: { id: 'phone-1' },
})
const register = (phone: string, code: string) =>
  accounts.call('POST', '/v1/auth/register', { body: registration(phone, code) })

/** Six digits that are not the code. */
const not = (code: string | null, n = 1) => String((Number(code) + n) % 1_000_000).padStart(6, '0')

describe('whether a phone has an account', () => {
  it('is told by the SMS alone: same answer, same statements, for every purpose', async () => {
    const { phone } = await accounts.newcomer()
    for (const purpose of ['register', 'device', 'pin-reset']) {
      const unknown = `+22170111${String(purpose.length).padStart(4, '0')}`
      accounts.services.clock.advance(61_000)
      const known = await workOf(accounts.services, () => ask(phone, purpose))
      const stranger = await workOf(accounts.services, () => ask(unknown, purpose))
      expect(known.answer.status).toBe(202)
      expect(known.answer.body).toEqual({ expiresIn: 300, retryAfter: 60 })
      expect(stranger.answer.body).toEqual(known.answer.body)
      expect(stranger.statements).toEqual(known.statements)
      expect([stranger.hashes, known.hashes]).toEqual([0, 0])
      await accounts.drain()
      const textTo = (to: string) => accounts.services.texts.findLast(text => text.phone === to)?.text
      const withCode = purpose === 'register' ? unknown : phone
      const withWords = purpose === 'register' ? phone : unknown
      expect(textTo(withCode)).toMatch(/SamaConso : \d{6} est votre code .*Ne le donnez à personne/)
      expect(textTo(withWords)).not.toMatch(/\d{6}/)
    }
  })

  it('is not told by a wrong code either', async () => {
    const { phone } = await accounts.newcomer()
    for (const [known, path, extra] of [
      ['pin-reset', '/v1/auth/pin-reset', {}],
      ['register', '/v1/auth/register', { firstName: 'Awa', lastName: 'Diop', device: { id: 'x' } }],
    ] as const) {
      accounts.services.clock.advance(61_000)
      const unknown = `+22170222${String(known.length).padStart(4, '0')}`
      await ask(phone, known)
      await ask(unknown, known)
      const guess = (to: string) => () =>
        accounts.call('POST', path, { body: { phone: to, code: '123987', pin: '5918', ...extra } })
      const one = await workOf(accounts.services, guess(phone))
      const other = await workOf(accounts.services, guess(unknown))
      expect([one.answer.status, one.answer.body.code]).toEqual([422, 'code_invalid'])
      expect([other.answer.status, other.answer.body.code]).toEqual([422, 'code_invalid'])
      expect(other.statements).toEqual(one.statements)
      expect([one.hashes, other.hashes]).toEqual([0, 0])
    }
    await accounts.drain()
  })
})

describe('a code', () => {
  it('dies after five minutes', async () => {
    const phone = '+221703000001'
    const code = await accounts.code(phone, 'register')
    accounts.services.clock.advance(300_001)
    expect((await register(phone, String(code))).body.code).toBe('code_invalid')
  })

  it('allows five tries and no sixth, though it be the right one', async () => {
    const phone = '+221703000002'
    const code = await accounts.code(phone, 'register')
    for (let n = 1; n <= 5; n++) expect((await register(phone, not(code, n))).body.code).toBe('code_invalid')
    expect((await register(phone, String(code))).body.code).toBe('code_invalid')
  })

  it('costs a try for each of many guesses made at once', async () => {
    const phone = '+221703000003'
    const code = await accounts.code(phone, 'register')
    await Promise.all([1, 2, 3, 4].map(n => register(phone, not(code, n))))
    const [row] = await accounts.services.db.query<{ tries_left: number }>(
      'select tries_left from sms_codes where phone = $1',
      [phone],
    )
    expect(row?.tries_left).toBe(1)
    expect((await register(phone, String(code))).status).toBe(201)
  })

  it('among fifty guesses at once is found at most as if they had been five', async () => {
    const phone = '+221703000004'
    const code = await accounts.code(phone, 'register')
    const guesses = await Promise.all(Array.from({ length: 50 }, (_, n) => register(phone, not(code, n + 1))))
    expect(new Set(guesses.map(({ body }) => body.code))).toEqual(new Set(['code_invalid']))
    const [row] = await accounts.services.db.query<{ tries_left: number }>(
      'select tries_left from sms_codes where phone = $1',
      [phone],
    )
    expect(row?.tries_left).toBe(0)
  })

  it('serves once, also when it is used twice at the same moment', async () => {
    const phone = '+221703000005'
    const code = String(await accounts.code(phone, 'register'))
    const answers = await Promise.all([register(phone, code), register(phone, code)])
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 422])
    expect((await register(phone, code)).body.code).toBe('code_invalid')
  })

  it('fits its phone and its purpose alone', async () => {
    const { phone } = await accounts.newcomer()
    const code = String(await accounts.code(phone, 'device'))
    const reset = { phone, code, pin: '5918' }
    expect((await accounts.call('POST', '/v1/auth/pin-reset', { body: reset })).body.code).toBe(
      'code_invalid',
    )
    const other = '+221703000006'
    const theirs = await accounts.code(other, 'register')
    if (theirs !== code) expect((await register(other, code)).body.code).toBe('code_invalid')
  })

  it('is replaced by the next one', async () => {
    const phone = '+221703000007'
    const first = String(await accounts.code(phone, 'register'))
    const second = String(await accounts.code(phone, 'register'))
    if (first !== second) expect((await register(phone, first)).body.code).toBe('code_invalid')
    expect((await register(phone, second)).status).toBe(201)
  })

  it('is kept as an HMAC and its text sealed: neither can be read in the database', async () => {
    const phone = '+221703000008'
    accounts.services.clock.advance(61_000)
    await ask(phone, 'register')
    const dump = await accounts.services.db.query<{ row: string }>(
      `select to_jsonb(m)::text || encode(m.sealed_text, 'escape') "row" from sms_messages m where phone = $1
       union all select to_jsonb(c)::text from sms_codes c where phone = $1
       union all select to_jsonb(o)::text from outbox o`,
      [phone],
    )
    await accounts.drain()
    const code = accounts.services.texts.at(-1)?.text.match(/\d{6}/)?.[0] as string
    expect(code).toMatch(/^\d{6}$/)
    const text = dump.map(({ row }) => row).join('\n')
    expect(text).not.toContain(`SamaConso : ${code}`)
    expect(text).not.toContain(`"${code}"`)
  })
})

describe('SMS are capped', () => {
  it('to one a minute for each phone and purpose, however many ask at once', async () => {
    const phone = '+221704000001'
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(phone, 'register')))
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 429, 429, 429, 429])
    const sooner = await ask(phone, 'register')
    expect(sooner.body.code).toBe('rate_limited')
    expect(Number(sooner.headers['retry-after'])).toBeGreaterThan(50)
    expect(Number(sooner.headers['retry-after'])).toBeLessThanOrEqual(60)
    expect((await ask(phone, 'device')).status).toBe(202)
    accounts.services.clock.advance(60_000)
    expect((await ask(phone, 'register')).status).toBe(202)
  })

  it('even when the code was used within the minute', async () => {
    const phone = '+221704000002'
    const code = await accounts.code(phone, 'register')
    expect((await register(phone, String(code))).status).toBe(201)
    expect((await ask(phone, 'register')).status).toBe(429)
  })

  it.each([
    ['by number', { LIMIT_SMS_PER_PHONE: '2' }, ['+221705000001', '+221705000001', '+221705000001']],
    ['by prefix', { LIMIT_SMS_PER_PREFIX: '2' }, ['+221705000001', '+221705000002', '+221705000999']],
    ['by day', { LIMIT_SMS_PER_DAY: '2' }, ['+221705000001', '+221706000001', '+221707000001']],
  ])('%s', async (_, env, [one, two, three]) => {
    const capped = await openAccounts(env)
    try {
      const to = async (phone: string | undefined) => {
        capped.services.clock.advance(61_000)
        return capped.call('POST', '/v1/auth/otp', { body: { phone, purpose: 'register' } })
      }
      expect([(await to(one)).status, (await to(two)).status]).toEqual([202, 202])
      const third = await to(three)
      expect([third.status, third.body.code]).toEqual([429, 'rate_limited'])
      expect(Number(third.headers['retry-after'])).toBeGreaterThan(0)
    } finally {
      await capped.close()
    }
  })
})

describe('a phone number', () => {
  it('is the same however it is written', async () => {
    for (const spelling of ['77 999 00 01', '00221779990001', '+221-77-999-00-01', '221779990001']) {
      accounts.services.clock.advance(61_000)
      expect((await ask(spelling, 'register')).status).toBe(202)
      await accounts.drain()
      expect(accounts.services.texts.at(-1)?.phone).toBe('+221779990001')
    }
  })

  it.each(['+33612345678', '33 823 00 00', '77123456', 'abc', '٧٧١٢٣٤٥٦٧', '+221771234567890'])(
    'that is no Senegalese mobile is refused: %s',
    async phone => {
      const answer = await ask(phone, 'register')
      expect([answer.status, answer.body.code, answer.body.errors[0].field]).toEqual([
        422,
        'invalid',
        'phone',
      ])
    },
  )
})

it('the SMS speaks the language of the account, else of who asks, in the letters of one SMS', async () => {
  const GSM = /^[\n !"#$%&'()*+,\-./0-9:;<=>?@A-Z_a-z£¥èéùìòÇØøÅåÆæßÉÄÖÑÜ§¿äöñüà]{1,160}$/
  const { phone, accessToken } = await accounts.newcomer()
  for (const language of ['fr', 'en', 'wo']) {
    await accounts.call('PATCH', '/v1/me', { token: accessToken, body: { language } })
    for (const purpose of ['register', 'device', 'pin-reset']) {
      const unknown = `+22170888${String(accounts.services.texts.length).padStart(4, '0')}`
      accounts.services.clock.advance(61_000)
      await ask(phone, purpose)
      await ask(unknown, purpose, { 'accept-language': language })
      await accounts.drain()
      const texts = accounts.services.texts.slice(-2).map(({ text }) => text)
      for (const text of texts) expect(text).toMatch(GSM)
      for (const text of texts) expect(text.startsWith('SamaConso')).toBe(true)
      if (language === 'en') expect(texts.join()).toMatch(/your code .*Never share it/)
      if (language === 'wo') expect(texts.join()).toMatch(/sa kod .*Bul ko wax kenn/)
    }
  }
})
