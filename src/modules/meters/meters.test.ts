import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  signedIn,
  type TestAccount,
  type TestServices,
  testApp,
  testServices,
} from '../../../test/harness.ts'
import type { BackOffice, PostpaidAccount, PrepaidMeter } from '../../backoffice/types.ts'
import type { App } from '../../http/index.ts'
import { withLuhn } from '../../lib/luhn.ts'
import { Unavailable } from '../../lib/problems.ts'
import { ensureAgencies } from '../agencies/index.ts'
import { metersRoutes } from './index.ts'

/** SIC as a table that tests fill. */
const sic = {
  meters: new Map<string, PrepaidMeter>(),
  accounts: new Map<string, PostpaidAccount>(),
  down: false,
  questions: 0,
}
const ask = <T>(table: Map<string, T>) => {
  return async (number: string): Promise<T | null> => {
    sic.questions++
    if (sic.down) throw new Unavailable(new Error('down'))
    return table.get(number) ?? null
  }
}
const unused = () => Promise.reject(new Error('not asked here'))
const backoffice: BackOffice = {
  prepaidMeter: ask(sic.meters),
  postpaidAccount: ask(sic.accounts),
  topups: unused,
  topupsSince: unused,
  topupMonths: unused,
  bills: unused,
  billMonths: unused,
  state: () => ({ sic: 'ok', postpaid: 'ok' }),
  close: async () => undefined,
}

let services: TestServices
let app: App
let numbers = 0

beforeAll(async () => {
  services = await testServices({ backoffice })
  await ensureAgencies(services, [
    { id: 1, name: 'Dakar-Plateau' },
    { id: 2, name: 'Thiès' },
  ])
  app = await testApp(services, it => metersRoutes(it, services))
})
afterAll(async () => {
  await app.close()
  await services.close()
})

/** A new meter on file, in the agency that SIC spells its own way. */
function onFile(phone: string | null, change: Partial<PrepaidMeter> = {}): string {
  const number = withLuhn(`141${String(++numbers).padStart(7, '0')}`)
  sic.meters.set(number, {
    number,
    poc: `P${numbers}`,
    phone,
    clientNumber: '42',
    address: 'Rue 12',
    usage: 'UD-PP',
    customerName: 'Titulaire Secret',
    agencyName: ' DAKAR  PLATEAU',
    ...change,
  })
  return number
}

const call = async (
  who: TestAccount,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  url: string,
  payload?: object,
  headers: Record<string, string> = {},
) => {
  const response = await app.inject({
    method,
    url,
    headers: { authorization: who.authorization, 'accept-language': 'en', ...headers },
    ...(payload ? { payload } : {}),
  })
  return {
    status: response.statusCode,
    body: response.body === '' ? null : response.json(),
    headers: response.headers,
  }
}
const link = (who: TestAccount, number: string, headers: Record<string, string> = {}) =>
  call(who, 'POST', '/v1/meters', { kind: 'prepaid', number }, headers)

const inbox = async (who: TestAccount) =>
  (
    await services.db.query<{ event: string; title: string; body: string; link: string | null }>(
      `select data ->> 'event' event, title, body, data ->> 'linkId' link from notifications
       where customer_id = $1 order by created_at, id`,
      [who.id],
    )
  ).map(({ event }) => event)

/** An owner and a guest of one meter. */
async function ownerAndGuest() {
  const [owner, guest] = [await signedIn(services), await signedIn(services, { firstName: 'Modou' })]
  const number = onFile(owner.phone)
  const owned = (await link(owner, number)).body
  const asked = (await link(guest, number)).body
  const decide = (decision: string, as = owner) =>
    call(as, 'POST', `/v1/meters/${owned.id}/guests/${asked.id}/${decision}`)
  return { owner, guest, number, owned, asked, decide }
}

describe('linking', () => {
  test('who has the phone on file is the owner at once, and sees the meter', async () => {
    const owner = await signedIn(services)
    const number = onFile(owner.phone)
    const made = await link(owner, ` ${number.slice(0, 4)} ${number.slice(4)}\u00A0`)
    expect(made).toMatchObject({
      status: 201,
      body: {
        kind: 'prepaid',
        number,
        role: 'owner',
        status: 'active',
        default: true,
        label: null,
        agency: { id: '1', name: 'Dakar-Plateau' },
        tariff: 'DPP',
        address: 'Rue 12',
      },
    })
    expect(JSON.stringify(made.body)).not.toContain('Secret')
    const read = await call(owner, 'GET', `/v1/meters/${made.body.id}`)
    expect(read).toMatchObject({ status: 200, body: made.body })
    expect((await call(owner, 'GET', '/v1/meters')).body).toEqual({ items: [read.body], nextCursor: null })
  })

  test('anyone else waits, sees the number alone, and the owner is told who asks', async () => {
    const { owner, guest, number, owned, asked } = await ownerAndGuest()
    expect(asked).toMatchObject({
      number,
      role: 'guest',
      status: 'pending',
      agency: null,
      tariff: null,
      address: null,
    })
    expect(await inbox(owner)).toEqual(['requested'])
    const [notice] = await services.db.query<{ body: string; link: string }>(
      "select body, data ->> 'linkId' link from notifications where customer_id = $1",
      [owner.id],
    )
    expect(notice?.link).toBe(owned.id)
    expect(notice?.body).toContain('Modou Diop')
    expect(JSON.stringify((await call(guest, 'GET', '/v1/meters')).body)).not.toMatch(/Rue 12|Secret|DPP/)
  })

  test('a contract account is the same with and without leading zeros', async () => {
    const owner = await signedIn(services)
    sic.accounts.set('1000000001', {
      number: '1000000001',
      phone: owner.phone,
      partnerNumber: '7',
      address: null,
      tariff: 'DPP',
      customerName: 'Titulaire Secret',
      agencyName: 'THIES',
    })
    const made = await call(owner, 'POST', '/v1/meters', { kind: 'postpaid', number: '001000000001' })
    expect(made).toMatchObject({
      status: 201,
      body: { number: '1000000001', role: 'owner', tariff: 'DPP-POST', agency: { id: '2' } },
    })
    const again = await call(owner, 'POST', '/v1/meters', { kind: 'postpaid', number: '1000 000 001' })
    expect(again).toMatchObject({ status: 409, body: { code: 'already_linked' } })
  })

  test('an unknown number is a 404, one of another form a 422, a second link of the same a 409', async () => {
    const owner = await signedIn(services)
    const number = onFile(owner.phone)
    await link(owner, number)
    expect(await link(owner, number)).toMatchObject({ status: 409, body: { code: 'already_linked' } })
    expect(await link(owner, withLuhn('9999999999'))).toMatchObject({
      status: 404,
      body: { code: 'meter_unknown' },
    })
    for (const wrong of ['123', '1410000001X', '141000000180']) {
      expect(await link(owner, wrong)).toMatchObject({
        status: 422,
        body: { code: 'invalid', errors: [{ field: 'number' }] },
      })
    }
  })

  test('a last digit that does not fit is a warning, not a refusal', async () => {
    const owner = await signedIn(services)
    const number = onFile(owner.phone)
    const mistyped = `${number.slice(0, -1)}${(Number(number.at(-1)) + 1) % 10}`
    expect((await link(owner, mistyped)).body.detail).toContain('last digit')
    const entry = sic.meters.get(number) as PrepaidMeter
    sic.meters.set(mistyped, { ...entry, number: mistyped })
    expect(await link(owner, mistyped)).toMatchObject({ status: 201, body: { warning: 'check_digit' } })
    expect((await link(owner, number)).body).not.toHaveProperty('warning')
  })

  test('ten attempts a day, failing ones too', async () => {
    const customer = await signedIn(services)
    for (let attempt = 0; attempt < 10; attempt++) {
      expect((await link(customer, withLuhn('9999999999'))).status).toBe(404)
    }
    const refused = await link(customer, onFile(customer.phone))
    expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
  })

  test('while SIC is away nothing is stored, the client is told when to come back, no attempt is lost', async () => {
    const customer = await signedIn(services)
    const number = onFile(customer.phone)
    sic.down = true
    for (let attempt = 0; attempt < 12; attempt++) {
      const answer = await link(customer, number)
      expect(answer).toMatchObject({ status: 503, body: { code: 'backoffice_unavailable' } })
      expect(answer.headers['retry-after']).toBe('5')
    }
    sic.down = false
    expect((await call(customer, 'GET', '/v1/meters')).body.items).toEqual([])
    expect((await link(customer, number)).status).toBe(201)
  })

  test('the same Idempotency-Key gets the same answer, even while SIC is away, and another body a 422', async () => {
    const customer = await signedIn(services)
    const number = onFile(customer.phone)
    const key = { 'idempotency-key': 'link-once' }
    const first = await link(customer, number, key)
    sic.down = true
    const second = await link(customer, number, key)
    sic.down = false
    expect([first.status, second.status]).toEqual([201, 201])
    expect(second.body).toEqual(first.body)
    expect((await link(customer, onFile(null), key)).body.code).toBe('idempotency_key_reused')
  })

  test('the same request many times at once makes one link', async () => {
    const customer = await signedIn(services)
    const number = onFile(customer.phone)
    const answers = await Promise.all(Array.from({ length: 8 }, () => link(customer, number)))
    expect(answers.map(answer => answer.status).sort()).toEqual([201, 409, 409, 409, 409, 409, 409, 409])
  })
})

describe('who decides', () => {
  test('the owner lets a guest in: the guest is told and sees the meter', async () => {
    const { owner, guest, owned, asked, decide } = await ownerAndGuest()
    const heard: unknown[] = []
    const stop = services.fanout.subscribe(`customer:${guest.id}`, message => heard.push(message))
    expect(await decide('approve')).toMatchObject({
      status: 200,
      body: { id: asked.id, status: 'active', guest: { firstName: 'Modou', phone: guest.phone } },
    })
    stop()
    expect(heard).toContainEqual({ type: 'links-changed' })
    expect(await inbox(guest)).toEqual(['approved'])
    expect((await call(guest, 'GET', `/v1/meters/${asked.id}`)).body).toMatchObject({
      status: 'active',
      role: 'guest',
      default: true,
      address: 'Rue 12',
      agency: { id: '1' },
    })
    expect((await call(owner, 'GET', `/v1/meters/${owned.id}/guests`)).body.items).toMatchObject([
      { id: asked.id, status: 'active' },
    ])
    // A double tap changes nothing and tells nobody again.
    expect((await decide('approve')).status).toBe(200)
    expect(await inbox(guest)).toEqual(['approved'])
    expect(await decide('reject')).toMatchObject({ status: 409, body: { code: 'conflict' } })
  })

  test('who was refused asks again after 30 days at the earliest', async () => {
    const { guest, owner, number, asked, decide } = await ownerAndGuest()
    expect((await decide('reject')).body.status).toBe('rejected')
    expect(await inbox(guest)).toEqual(['rejected'])
    expect((await call(guest, 'GET', `/v1/meters/${asked.id}`)).body).toMatchObject({
      status: 'rejected',
      address: null,
    })
    services.clock.advance(29 * 86_400_000)
    const again = await signInAgain(guest)
    const early = await link(again, number)
    expect(early).toMatchObject({ status: 409, body: { code: 'link_refused' } })
    expect(early.body.detail).toMatch(/from \d{4}-\d\d-\d\d\./)
    services.clock.advance(86_400_000)
    expect((await link(await signInAgain(guest), number)).body.status).toBe('pending')
    expect(await inbox(owner)).toEqual(['requested', 'requested'])
  })

  test('the owner takes access back at any time; the guest may ask again', async () => {
    const { guest, number, asked, decide } = await ownerAndGuest()
    await decide('approve')
    expect((await decide('revoke')).body.status).toBe('revoked')
    expect(await inbox(guest)).toEqual(['approved', 'revoked'])
    expect((await call(guest, 'GET', '/v1/meters')).body.items).toEqual([])
    expect((await call(guest, 'GET', `/v1/meters/${asked.id}`)).body).toMatchObject({
      status: 'revoked',
      agency: null,
      address: null,
    })
    expect((await link(guest, number)).body.status).toBe('pending')
  })

  test('nobody but the owner decides or reads who asks', async () => {
    const { guest, owned, asked, decide } = await ownerAndGuest()
    const stranger = await signedIn(services)
    const other = await ownerAndGuest()
    expect((await decide('approve', guest)).status).toBe(404)
    expect((await decide('approve', stranger)).status).toBe(404)
    expect((await decide('approve', other.owner)).status).toBe(404)
    for (const decision of ['approve', 'reject', 'revoke']) {
      const url = `/v1/meters/${other.owned.id}/guests/${asked.id}/${decision}`
      expect((await call(other.owner, 'POST', url)).status).toBe(404)
      expect(
        (await call(guest, 'POST', `/v1/meters/${asked.id}/guests/${asked.id}/${decision}`)).status,
      ).toBe(403)
    }
    expect((await call(guest, 'GET', `/v1/meters/${asked.id}/guests`)).status).toBe(403)
    expect((await call(stranger, 'GET', `/v1/meters/${owned.id}/guests`)).status).toBe(404)
    for (const method of ['GET', 'DELETE'] as const) {
      expect((await call(stranger, method, `/v1/meters/${owned.id}`)).status).toBe(404)
    }
    expect((await call(stranger, 'PATCH', `/v1/meters/${owned.id}`, { label: 'x' })).status).toBe(404)
  })

  test('a real owner who appears later finds the requests theirs to decide, and is told how many wait', async () => {
    const phone = '+221781234567'
    const number = onFile(phone)
    const guests = [await signedIn(services), await signedIn(services)]
    const asked = await Promise.all(guests.map(guest => link(guest, number)))
    const owner = await signedIn(services, { phone })
    const owned = await link(owner, number)
    expect(await inbox(owner)).toEqual(['waiting'])
    const waiting = await call(owner, 'GET', `/v1/meters/${owned.body.id}/guests`)
    expect(waiting.body.items.map((item: { id: string }) => item.id).sort()).toEqual(
      asked.map(answer => answer.body.id).sort(),
    )
  })

  test('a holder who has an account but not linked the meter is told that somebody asks', async () => {
    const [holder, guest] = [await signedIn(services), await signedIn(services)]
    await link(guest, onFile(holder.phone))
    expect(await inbox(holder)).toEqual(['requested'])
  })
})

describe('when the company changes what is on file', () => {
  test('the meter follows the phone: its new holder owns it, the former one is told and sees it no more', async () => {
    const { owner, guest, number, owned, asked } = await ownerAndGuest()
    const heir = await signedIn(services)
    sic.meters.set(number, { ...(sic.meters.get(number) as PrepaidMeter), phone: heir.phone })
    expect((await link(heir, number)).body).toMatchObject({ role: 'owner', status: 'active' })
    expect(await inbox(heir)).toEqual(['waiting'])
    expect(await inbox(owner)).toEqual(['requested', 'taken-over'])
    expect((await call(owner, 'GET', `/v1/meters/${owned.id}`)).body).toMatchObject({
      status: 'revoked',
      address: null,
    })
    const late = await call(owner, 'POST', `/v1/meters/${owned.id}/guests/${asked.id}/approve`)
    expect(late.status).toBe(403)
    expect((await call(guest, 'GET', `/v1/meters/${asked.id}`)).body.status).toBe('pending')
  })

  test('a guest whose phone came on file becomes the owner by asking again, refused or not', async () => {
    const { guest, number, asked } = await ownerAndGuest()
    sic.meters.set(number, { ...(sic.meters.get(number) as PrepaidMeter), phone: guest.phone })
    expect((await link(guest, number)).body).toMatchObject({ id: asked.id, role: 'owner', status: 'active' })
    expect((await link(guest, number)).status).toBe(409)
  })

  test('a number that moved to another point of connection is another meter: the former occupant keeps theirs', async () => {
    const { owner, number, owned } = await ownerAndGuest()
    const newcomer = await signedIn(services)
    const moved = { ...(sic.meters.get(number) as PrepaidMeter), poc: 'P-elsewhere', phone: newcomer.phone }
    sic.meters.set(number, { ...moved, address: 'Rue 99' })
    expect((await link(newcomer, number)).body).toMatchObject({ role: 'owner', address: 'Rue 99' })
    expect((await call(owner, 'GET', `/v1/meters/${owned.id}`)).body).toMatchObject({
      status: 'active',
      role: 'owner',
      address: 'Rue 12',
    })
    const rows = await services.db.query('select poc from meters where number = $1', [number])
    expect(rows).toHaveLength(2)
  })

  test('holders who appear at the same time leave one owner', async () => {
    const number = onFile(null)
    const customers = await Promise.all(Array.from({ length: 6 }, () => signedIn(services)))
    const entry = sic.meters.get(number) as PrepaidMeter
    await Promise.all(
      customers.map(customer => {
        sic.meters.set(number, { ...entry, phone: customer.phone })
        return link(customer, number)
      }),
    )
    const owners = await services.db.query(
      `select 1 from meter_links l join meters m on m.id = l.meter_id
       where m.number = $1 and role = 'owner' and status = 'active'`,
      [number],
    )
    expect(owners.length).toBeLessThanOrEqual(1)
  })
})

describe('my meters', () => {
  test('the first is the default one, another when it is given up, and the customer chooses', async () => {
    const customer = await signedIn(services)
    const made = []
    for (let n = 0; n < 3; n++) made.push((await link(customer, onFile(customer.phone))).body)
    expect(made.map(item => item.default)).toEqual([true, false, false])
    const [first, second, third] = made.map(item => item.id)
    const defaults = async () =>
      (await call(customer, 'GET', '/v1/meters')).body.items
        .filter((item: { default: boolean }) => item.default)
        .map((item: { id: string }) => item.id)
    expect(
      await call(customer, 'PATCH', `/v1/meters/${third}`, { default: true, label: ' Maison ' }),
    ).toMatchObject({ status: 200, body: { default: true, label: 'Maison' } })
    expect(await defaults()).toEqual([third])
    expect((await call(customer, 'DELETE', `/v1/meters/${third}`)).status).toBe(204)
    expect(await defaults()).toEqual([first])
    expect((await call(customer, 'DELETE', `/v1/meters/${third}`)).status).toBe(404)
    expect((await call(customer, 'GET', `/v1/meters/${third}`)).status).toBe(404)
    await call(customer, 'DELETE', `/v1/meters/${first}`)
    expect(await defaults()).toEqual([second])
  })

  test('one that can be looked at is the default before one that waits', async () => {
    const customer = await signedIn(services)
    const waiting = await link(customer, onFile(null))
    expect(waiting.body).toMatchObject({ status: 'pending', default: true })
    expect((await link(customer, onFile(customer.phone))).body.default).toBe(true)
    const refused = await call(customer, 'PATCH', `/v1/meters/${waiting.body.id}`, { default: true })
    expect(refused).toMatchObject({ status: 409, body: { code: 'conflict' } })
  })

  test('a label is a short line of text, or none', async () => {
    const customer = await signedIn(services)
    const { id } = (await link(customer, onFile(customer.phone))).body
    for (const label of ['', ' ', 'x'.repeat(61), 'a\u0007b', 'a\nb', 7]) {
      expect((await call(customer, 'PATCH', `/v1/meters/${id}`, { label })).status).toBe(422)
    }
    for (const change of [{}, { default: false }, { status: 'active' }]) {
      expect((await call(customer, 'PATCH', `/v1/meters/${id}`, change)).status).toBe(422)
    }
    await call(customer, 'PATCH', `/v1/meters/${id}`, { label: 'Chez maman' })
    expect((await call(customer, 'PATCH', `/v1/meters/${id}`, { label: null })).body.label).toBeNull()
  })

  test('the list goes on by its cursor', async () => {
    const customer = await signedIn(services)
    for (let n = 0; n < 3; n++) await link(customer, onFile(customer.phone))
    const first = (await call(customer, 'GET', '/v1/meters?limit=2')).body
    const second = (await call(customer, 'GET', `/v1/meters?limit=2&cursor=${first.nextCursor}`)).body
    expect([first.items.length, second.items.length, second.nextCursor]).toEqual([2, 1, null])
    expect((await call(customer, 'GET', '/v1/meters?cursor=nonsense')).status).toBe(422)
  })
})

describe('staff', () => {
  test('agents decide for the meters of their agency alone, and every act of theirs is in the audit', async () => {
    const { owner, guest, asked, number } = await ownerAndGuest()
    const mine = await signedIn(services, { role: 'agent', agencyId: 1 })
    const other = await signedIn(services, { role: 'agent', agencyId: 2 })
    const url = `/v1/admin/meters/links/${asked.id}`
    const listed = async (who: TestAccount) =>
      (await call(who, 'GET', '/v1/admin/meters/links?status=pending&limit=100')).body.items.find(
        (item: { id: string }) => item.id === asked.id,
      )
    expect(await listed(other)).toBeUndefined()
    expect((await call(other, 'POST', `${url}/approve`)).status).toBe(404)
    expect(await listed(mine)).toMatchObject({
      customer: { id: guest.id, phone: guest.phone },
      meter: { number, holder: { name: 'Titulaire Secret', phone: owner.phone }, hasOwner: true },
    })
    expect(await call(mine, 'POST', `${url}/approve`)).toMatchObject({
      status: 200,
      body: { status: 'active' },
    })
    expect(await inbox(guest)).toEqual(['approved'])
    expect(await inbox(owner)).toEqual(['requested', 'approved-by-agency'])
    const audit = await services.db.query<{ action: string; customer_id: string | null }>(
      'select action, customer_id from audit where actor_id = any($1) order by id',
      [[mine.id]],
    )
    expect(audit).toEqual([
      { action: 'meter-link.list', customer_id: null },
      { action: 'meter-link.approve', customer_id: guest.id },
    ])
  })

  test('an administrator decides for all, also where SIC names no agency of ours', async () => {
    const guest = await signedIn(services)
    const asked = (await link(guest, onFile(null, { agencyName: 'Nulle part' }))).body
    const agent = await signedIn(services, { role: 'agent', agencyId: 1 })
    const admin = await signedIn(services, { role: 'admin' })
    expect((await call(agent, 'POST', `/v1/admin/meters/links/${asked.id}/reject`)).status).toBe(404)
    expect(await call(admin, 'POST', `/v1/admin/meters/links/${asked.id}/reject`)).toMatchObject({
      status: 200,
      body: { status: 'rejected', meter: { agency: null } },
    })
    expect(await inbox(guest)).toEqual(['rejected'])
  })

  test('customers and strangers get nothing of it', async () => {
    const { guest, asked } = await ownerAndGuest()
    expect((await call(guest, 'GET', '/v1/admin/meters/links')).status).toBe(403)
    expect((await call(guest, 'POST', `/v1/admin/meters/links/${asked.id}/approve`)).status).toBe(403)
    const agent = await signedIn(services, { role: 'agent', agencyId: 1 })
    expect((await call(agent, 'GET', '/v1/meters')).status).toBe(403)
    expect((await app.inject({ method: 'GET', url: '/v1/admin/meters/links' })).statusCode).toBe(401)
  })
})

/** The same customer with a token of the present day. */
async function signInAgain(who: TestAccount): Promise<TestAccount> {
  const token = await services.tokens.issue({
    id: who.id,
    role: 'customer',
    agencyId: null,
    sessionId: who.sessionId,
  })
  return { ...who, authorization: `Bearer ${token}` }
}
