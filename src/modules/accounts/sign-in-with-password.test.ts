import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Accounts, openAccounts, workOf } from '../../../test/accounts.ts'
import { createStaff, loadDemoAccounts } from './index.ts'

const PASSWORD = 'correct horse battery'

let accounts: Accounts
beforeAll(async () => {
  accounts = await openAccounts()
  await accounts.services.db.query(
    "insert into agencies (id, name, match_key) values (1, 'Plateau', 'plateau')",
  )
})
afterAll(() => accounts.close())

let n = 0
async function staff(): Promise<string> {
  const login = `admin-${++n}`
  const names = { firstName: 'Ibrahima', lastName: 'Fall' }
  await createStaff(accounts.services, { login, password: PASSWORD, role: 'admin', ...names })
  return login
}
const signIn = (login: string, password: string) =>
  accounts.call('POST', '/v1/auth/token', { body: { grant: 'password', login, password } })

describe('staff', () => {
  it('sign in by login, in any case, and password; it is in the audit', async () => {
    const login = await staff()
    const answer = await signIn(` ${login.toUpperCase()} `, PASSWORD)
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ expiresIn: 1_800, user: { role: 'admin', login, phone: null } })
    expect(answer.body.deviceSecret).toBeUndefined()
    const rows = await accounts.services.db.query(
      "select action, actor_role from audit where actor_id = $1 and action = 'session.open'",
      [answer.body.user.id],
    )
    expect(rows).toEqual([{ action: 'session.open', actor_role: 'admin' }])
  })

  it('of no existing login get the same answers for the same work, through to the lock', async () => {
    const login = await staff()
    for (let attempt = 1; attempt <= 8; attempt++) {
      const known = await workOf(accounts.services, () => signIn(login, 'wrong password'))
      const unknown = await workOf(accounts.services, () => signIn(`no-${login}`, 'wrong password'))
      expect(unknown.answer.status).toBe(known.answer.status)
      expect({ ...unknown.answer.body, requestId: '' }).toEqual({ ...known.answer.body, requestId: '' })
      expect(known.answer.status).toBe(attempt <= 5 ? 401 : 429)
      expect(unknown.statements).toEqual(known.statements)
      expect([known.hashes, unknown.hashes]).toEqual([1, 1])
    }
  })

  it('are locked for 15 minutes after five failures, whatever the password then', async () => {
    const login = await staff()
    for (let attempt = 1; attempt <= 5; attempt++) expect((await signIn(login, 'wrong')).status).toBe(401)
    const locked = await signIn(login, PASSWORD)
    expect([locked.status, locked.body.code]).toEqual([429, 'rate_limited'])
    accounts.services.clock.advance(14 * 60_000)
    expect((await signIn(login, PASSWORD)).status).not.toBe(200)
    accounts.services.clock.advance(2 * 60_000)
    expect((await signIn(login, PASSWORD)).status).toBe(200)
  })

  it('are locked no longer than that, however long a stranger goes on', async () => {
    const login = await staff()
    for (let round = 1; round <= 4; round++) {
      for (let attempt = 1; attempt <= 6; attempt++) await signIn(login, 'wrong')
      accounts.services.clock.advance(16 * 60_000)
    }
    expect((await signIn(login, PASSWORD)).status).toBe(200)
  })

  it('who guess at the same moment do not outrun the count', async () => {
    const login = await staff()
    const wrong = Array.from({ length: 20 }, () => signIn(login, 'wrong'))
    await Promise.all(wrong)
    expect((await signIn(login, PASSWORD)).status).toBe(429)
  })

  it('who are disabled are told so after the right password, and open nothing', async () => {
    const login = await staff()
    await accounts.services.db.query('update accounts set disabled_at = now() where login = $1', [login])
    expect((await signIn(login, 'wrong')).status).toBe(401)
    expect((await signIn(login, PASSWORD)).body.code).toBe('forbidden')
  })

  it('cannot use a customer’s way in, nor a customer theirs', async () => {
    const awa = await accounts.newcomer()
    expect((await signIn(awa.phone, awa.pin)).status).toBe(401)
  })
})

describe('accounts made by command', () => {
  const names = { firstName: 'Fatou', lastName: 'Sarr' }
  const make = (more: Record<string, unknown>) =>
    createStaff(accounts.services, {
      login: `made-${++n}`,
      password: PASSWORD,
      role: 'admin',
      ...names,
      ...more,
    } as Parameters<typeof createStaff>[1])

  it.each([
    ['a short password', { password: 'short' }, 'password'],
    ['a strange login', { login: 'a b' }, 'login'],
    ['an agent without an agency', { role: 'agent' }, 'agencyId'],
  ])('refuse %s', async (_, more, field) => {
    await expect(make(more)).rejects.toMatchObject({ code: 'invalid', errors: [{ field }] })
  })

  it('refuse a login that is taken, and the demo’s passwords in production', async () => {
    await make({ login: 'taken' })
    await expect(make({ login: 'Taken' })).rejects.toMatchObject({ code: 'conflict' })
    const production = {
      ...accounts.services,
      config: { ...accounts.services.config, mode: 'production' },
    } as const
    const known = { login: 'prod', password: 'Admin-demo-2026', role: 'admin', ...names } as const
    await expect(createStaff(production, known)).rejects.toMatchObject({ code: 'invalid' })
    await expect(loadDemoAccounts(production)).rejects.toThrow('embedded')
  })

  it('of the demo are made once, and open', async () => {
    await loadDemoAccounts(accounts.services)
    await loadDemoAccounts(accounts.services)
    for (const [login, password, role] of [
      ['agent', 'Agent-demo-2026', 'agent'],
      ['admin', 'Admin-demo-2026', 'admin'],
      ['admin2', 'Admin2-demo-2026', 'admin'],
    ] as const) {
      const answer = await signIn(login, password)
      expect([answer.status, answer.body.user.role]).toEqual([200, role])
      expect(answer.body.user.agencyId).toBe(role === 'agent' ? '1' : null)
    }
    for (const [phone, pin] of [
      ['+221770000001', '7394'],
      ['+221770000002', '2846'],
    ] as const) {
      const code = await accounts.code(phone, 'device')
      const answer = await accounts.signIn({ phone, pin }, { device: { id: 'demo' }, code })
      expect(answer.status).toBe(200)
    }
  })
})
