import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Accounts, openAccounts } from '../../../test/accounts.ts'
import { signedIn, type TestAccount, withDevice } from '../../../test/harness.ts'
import { newId } from '../../lib/id.ts'

let accounts: Accounts
let admin: TestAccount
let agent: TestAccount
let elsewhere: TestAccount
let awa: TestAccount
let moussa: TestAccount
let unlinked: TestAccount

beforeAll(async () => {
  accounts = await openAccounts()
  const { services } = accounts
  admin = await signedIn(services, { role: 'admin', firstName: 'Awa', lastName: 'Chef' })
  agent = await signedIn(services, { role: 'agent', agencyId: 1 })
  elsewhere = await signedIn(services, { role: 'agent', agencyId: 2 })
  awa = await signedIn(services, { phone: '+221775550001', firstName: 'Aïssatou', lastName: 'Diop' })
  moussa = await signedIn(services, { phone: '+221775550002', firstName: 'Moussa', lastName: 'N’Diaye' })
  unlinked = await signedIn(services, { phone: '+221775550003', firstName: 'Diopéra', lastName: 'Diop' })
  await link(awa, 'prepaid', '14155500018', 1, 'owner', 'active')
  await link(awa, 'postpaid', '1005550001', 2, 'owner', 'revoked')
  await link(moussa, 'postpaid', '1005550002', 2, 'owner', 'active')
  await link(moussa, 'prepaid', '14155500018', 1, 'guest', 'pending')
  await withDevice(services, awa.id, 'sim-secret-of-awa')
})
afterAll(() => accounts.close())

async function link(
  to: TestAccount,
  kind: string,
  number: string,
  agencyId: number,
  role: string,
  status: string,
): Promise<void> {
  const { db } = accounts.services
  const [meter] = await db.query<{ id: string }>(
    `insert into meters (id, kind, number, agency_id) values ($1, $2, $3, $4)
     on conflict (kind, number, poc) do update set number = excluded.number returning id`,
    [newId(), kind, number, agencyId],
  )
  await db.query(
    `insert into meter_links (id, customer_id, meter_id, agency_id, role, status, activated_at, ended_at)
     values ($1, $2, $3, $4, $5, $6, case when $6 in ('active', 'revoked') then now() end, case when $6 = 'revoked' then now() end)`,
    [newId(), to.id, meter?.id, agencyId, role, status],
  )
}

const search = async (by: TestAccount, query: string, more = '') => {
  const token = by.authorization.slice('Bearer '.length)
  return accounts.call('GET', `/v1/admin/customers?query=${encodeURIComponent(query)}${more}`, { token })
}
const found = async (by: TestAccount, query: string): Promise<string[]> => {
  const answer = await search(by, query)
  expect(answer.status).toBe(200)
  return answer.body.items.map((item: { id: string }) => item.id)
}
const show = (by: TestAccount, id: string) =>
  accounts.call('GET', `/v1/admin/customers/${id}`, { token: by.authorization.slice('Bearer '.length) })
const auditOf = (actor: TestAccount, customer: TestAccount, action: string) =>
  accounts.services.db.query<{ detail: unknown; request_id: string }>(
    'select detail, request_id from audit where actor_id = $1 and customer_id = $2 and action = $3 order by id',
    [actor.id, customer.id, action],
  )

describe('an administrator finds a customer', () => {
  it.each(['77 555 00 01', '+221775550001', '00221-77-555-00-01'])(
    'by phone, however written: %s',
    async query => {
      expect(await found(admin, query)).toEqual([awa.id])
    },
  )

  it.each(['aissatou', 'AÏSSATOU', 'Aïs', 'aissatou diop', 'diop aïssatou', ' Diop  Aïs'])(
    'by how a first or last name starts, without case and accents: %s',
    async query => {
      expect(await found(admin, query)).toContain(awa.id)
    },
  )

  it('by name once, though both names start so; staff are not customers', async () => {
    expect((await found(admin, 'dio')).filter(id => id === unlinked.id)).toHaveLength(1)
    expect(await found(admin, 'dio')).toEqual([awa.id, unlinked.id])
    expect(await found(admin, 'awa chef')).toEqual([])
    expect(await found(admin, 'n diaye')).toEqual([moussa.id])
  })

  it('by meter or contract account number, padded with zeros or not, pending links too', async () => {
    expect((await found(admin, '14155500018')).sort()).toEqual([awa.id, moussa.id].sort())
    expect(await found(admin, '1005550002')).toEqual([moussa.id])
    expect(await found(admin, '001005550002')).toEqual([moussa.id])
    expect(await found(admin, '1005550001')).toEqual([])
  })

  it('with what is needed to know them, and no secret', async () => {
    const answer = await search(admin, '775550001')
    expect(answer.body).toEqual({
      items: [
        {
          id: awa.id,
          phone: '+221775550001',
          firstName: 'Aïssatou',
          lastName: 'Diop',
          language: 'fr',
          disabled: false,
          createdAt: expect.any(String),
        },
      ],
      nextCursor: null,
    })
  })

  it('page by page, each once, in the order of names', async () => {
    for (let n = 0; n < 7; n++) {
      await signedIn(accounts.services, { firstName: `Zeyna${n % 3}`, lastName: n % 2 ? 'Zeynab' : 'Fall' })
    }
    const seen: string[] = []
    let cursor = ''
    do {
      const page = await search(admin, 'zeyna', `&limit=3${cursor && `&cursor=${cursor}`}`)
      seen.push(...page.body.items.map((item: { id: string }) => item.id))
      cursor = page.body.nextCursor ?? ''
    } while (cursor)
    expect(new Set(seen).size).toBe(7)
    expect(seen).toHaveLength(7)
  })

  it.each(['&cursor=bm90aGluZw', '&limit=0', '&limit=101', '&offset=3'])('refuses %s', async more => {
    expect((await search(admin, 'diop', more)).status).toBe(422)
  })

  it('and is told when there is nothing to search by', async () => {
    expect((await search(admin, '%%%')).body.code).toBe('invalid')
    expect((await search(admin, ' ')).status).toBe(422)
  })
})

describe('an agent', () => {
  it('finds only customers with an active link in their agency, by whatever', async () => {
    for (const query of ['775550001', 'aissatou', 'diop', '14155500018']) {
      expect(await found(agent, query)).toEqual([awa.id])
      expect(await found(elsewhere, query)).toEqual([])
    }
    expect(await found(agent, '775550002')).toEqual([])
    expect(await found(elsewhere, '1005550002')).toEqual([moussa.id])
    expect(await found(agent, '775550003')).toEqual([])
  })

  it('does not learn by a meter elsewhere whose it is', async () => {
    await link(awa, 'prepaid', '14199900018', 2, 'owner', 'active')
    expect(await found(agent, '14199900018')).toEqual([])
    expect(await found(elsewhere, '14199900018')).toEqual([awa.id])
  })

  it('sees a customer of their agency with the links of it alone; others do not exist', async () => {
    const answer = await show(agent, awa.id)
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ id: awa.id, devices: 1, phone: '+221775550001' })
    expect(answer.body.links).toEqual([
      expect.objectContaining({
        kind: 'prepaid',
        number: '14155500018',
        role: 'owner',
        status: 'active',
        agency: { id: '1', name: 'agence 1' },
      }),
    ])
    expect(answer.text).not.toContain('sim-secret')
    for (const [by, id] of [
      [agent, moussa.id],
      [agent, unlinked.id],
      [agent, admin.id],
      [admin, newId()],
      [admin, agent.id],
    ] as const) {
      expect((await show(by, id)).status).toBe(404)
    }
    expect((await show(admin, awa.id)).body.links).toHaveLength(3)
  })
})

describe('every access to a customer’s data', () => {
  it('is in the audit: each customer of a page of results, and each one looked at', async () => {
    const before = await auditOf(elsewhere, moussa, 'customer.search')
    await search(elsewhere, 'moussa')
    const after = await auditOf(elsewhere, moussa, 'customer.search')
    expect(after).toHaveLength(before.length + 1)
    expect(after.at(-1)).toMatchObject({ detail: { by: 'name', found: 1 }, request_id: expect.any(String) })
    await show(elsewhere, moussa.id)
    expect(await auditOf(elsewhere, moussa, 'customer.view')).toHaveLength(1)
    await search(elsewhere, 'nobody at all')
    const [row] = await accounts.services.db.query<{ n: number }>(
      "select count(*) n from audit where actor_id = $1 and customer_id is null and action = 'customer.search'",
      [elsewhere.id],
    )
    expect(row?.n).toBeGreaterThan(0)
  })

  it('is for staff', async () => {
    expect((await show(awa, moussa.id)).status).toBe(403)
    expect((await search(awa, 'moussa')).status).toBe(403)
  })
})

it('a search by name reads its index, not the customers', async () => {
  const { db } = accounts.services
  await db.query(
    `insert into accounts (id, role, phone, first_name, last_name, name_key, family_key, secret_hash)
     select gen_random_uuid(), 'customer', '+22172' || lpad(n::text, 7, '0'), 'P' || n, 'Q', 'p' || n || ' q', 'q p' || n, 'none'
     from generate_series(1, 20000) n`,
  )
  await db.query('analyze accounts')
  const plan = await db.tx(async tx => {
    const statements: string[] = []
    const { customersByName } = await import('./sql/customers.ts')
    await customersByName(
      {
        async query(text, values) {
          const rows = await tx.query<{ 'QUERY PLAN': string }>(`explain ${text}`, values)
          statements.push(...rows.map(row => row['QUERY PLAN']))
          return []
        },
      },
      {
        prefix: 'aiss',
        after: { key: '', id: '00000000-0000-0000-0000-000000000000' },
        agencyId: null,
        limit: 21,
      },
    )
    return statements.join('\n')
  })
  expect(plan).toContain('accounts_by_name')
  expect(plan).toContain('accounts_by_family')
  expect(plan).not.toContain('Seq Scan')
})
