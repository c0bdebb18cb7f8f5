import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  signedIn,
  type TestAccount,
  type TestServices,
  testApp,
  testServices,
} from '../../../test/harness.ts'
import type { BackOffice, Bill, MonthTotal, TopUp } from '../../backoffice/types.ts'
import type { App } from '../../http/index.ts'
import { newId } from '../../lib/id.ts'
import { Unavailable } from '../../lib/problems.ts'
import { consumptionRoutes } from './index.ts'

/** The company's systems as a table that tests fill, and what was asked of them. */
const office = {
  topups: [] as TopUp[],
  bills: [] as Bill[],
  months: [] as MonthTotal[],
  asked: [] as string[],
  /** Null: it answers. */
  trouble: null as null | 'down' | 'silent',
}
async function answer<T>(what: string, value: () => T): Promise<T> {
  office.asked.push(what)
  if (office.trouble === 'down') throw new Unavailable(new Error('down'))
  if (office.trouble === 'silent') {
    // As the real client does with a system that says nothing.
    await new Promise(done => setTimeout(done, 1_800))
    throw new Unavailable(new Error('no answer'))
  }
  return value()
}
const pageOf = <Item extends { id: string }>(
  items: Item[],
  timeOf: (item: Item) => number,
  of: { from: Date; to: Date },
  { limit, after }: { limit: number; after?: { at: Date; id: string } },
): Item[] =>
  items
    .filter(item => timeOf(item) >= of.from.getTime() && timeOf(item) < of.to.getTime())
    .filter(item => {
      if (!after) return true
      const at = after.at.getTime()
      return timeOf(item) < at || (timeOf(item) === at && item.id < after.id)
    })
    .sort((a, b) => timeOf(b) - timeOf(a) || (a.id < b.id ? 1 : -1))
    .slice(0, limit)
const inYears = ({ from, to }: { from: Date; to: Date }) =>
  office.months.filter(({ month }) => new Date(month) >= from && new Date(month) < to)

const backoffice: BackOffice = {
  prepaidMeter: () => Promise.reject(new Error('not asked here')),
  postpaidAccount: () => Promise.reject(new Error('not asked here')),
  topups: (of, page) =>
    answer(`topups of ${of.meterNumber} at ${of.poc}`, () =>
      pageOf(office.topups, item => item.at.getTime(), of, page),
    ),
  topupsSince: () => Promise.reject(new Error('not asked here')),
  topupMonths: of => answer('topupMonths', () => inYears(of)),
  bills: (of, page) =>
    answer(`bills of ${of.account}`, () => pageOf(office.bills, item => Date.parse(item.issuedOn), of, page)),
  billMonths: of => answer('billMonths', () => inYears(of)),
  state: () => ({ sic: 'ok', postpaid: 'ok' }),
  close: async () => undefined,
}

let services: TestServices
let app: App
let customer: TestAccount

beforeAll(async () => {
  services = await testServices({ backoffice })
  // The tenth of March 2026, at noon.
  services.clock.advance(Date.UTC(2026, 2, 10, 12) - Date.now())
  app = await testApp(services, it => consumptionRoutes(it, services))
  customer = await signedIn(services)
})
afterAll(async () => {
  await app.close()
  await services.close()
})
beforeEach(() => {
  Object.assign(office, { topups: [], bills: [], months: [], asked: [], trouble: null })
})

let numbers = 0

/** A meter with a link of the customer. */
async function meterOf(
  who: TestAccount,
  change: { kind?: string; tariff?: string; status?: string; meterId?: string } = {},
): Promise<{ linkId: string; meterId: string; number: string }> {
  const { kind = 'prepaid', tariff = 'DPP', status = 'active', meterId = newId() } = change
  const linkId = newId()
  const number = String(14_100_000_000 + ++numbers)
  await services.db.query(
    `insert into meters (id, kind, number, poc, tariff) values ($1, $2, $3, 'P1', $4) on conflict do nothing`,
    [meterId, kind, number, tariff],
  )
  await services.db.query(
    `insert into meter_links (id, customer_id, meter_id, role, status, activated_at)
     values ($1, $2, $3, 'guest', $4::text, case when $4 = 'active' then now() end)`,
    [linkId, who.id, meterId, status],
  )
  return { linkId, meterId, number }
}

const get = async (path: string, who = customer) => {
  const startedAt = performance.now()
  const response = await app.inject({
    method: 'GET',
    url: `/v1/meters/${path}`,
    headers: { authorization: who.authorization },
  })
  return {
    status: response.statusCode,
    body: response.json(),
    retryAfter: response.headers['retry-after'],
    ms: performance.now() - startedAt,
  }
}

const topup = (at: string, change: Partial<TopUp> = {}): TopUp => ({
  id: `C${at}`,
  meterNumber: '14100000018',
  poc: 'P1',
  at: new Date(at),
  amountXof: 5_000,
  energyKwh: 54.4,
  taxesXof: 110,
  feesXof: 429,
  debtXof: 0,
  remainingDebtXof: 0,
  operator: 'Mobile money',
  tariff: 'UD-PP',
  steps: [{ energyKwh: 54.4, priceXof: 82, amountXof: 4_461 }],
  tokens: ['12345678901234567890'],
  ...change,
})
const bill = (id: string, issuedOn: string, change: Partial<Bill> = {}): Bill => ({
  id,
  number: `F-${id}`,
  account: '1000000001',
  issuedOn,
  dueOn: null,
  days: 60,
  month: issuedOn.slice(0, 7),
  energyKwh: 200,
  amountXof: 17_000,
  taxesXof: 400,
  tariff: 'UD-PP',
  steps: [{ energyKwh: 200 }],
  ...change,
})
const month = (name: string, energyKwh: number): MonthTotal => ({
  month: name,
  energyKwh,
  amountXof: energyKwh * 100,
})
/** What is kept fresh is asked anew. */
const later = () => services.clock.advance(16_000)
const DAY_MS = 86_400_000

describe('the first screen', () => {
  test('a prepaid meter: the month beside two others, the place in the tariff, the newest top-up', async () => {
    const { linkId, number } = await meterOf(customer)
    office.months = [month('2025-03', 90), month('2026-02', 151.5), month('2026-03', 150)]
    office.topups = [topup('2026-03-02T10:00:00.000Z'), topup('2026-03-09T08:00:00.000Z')]
    const { status, body } = await get(`${linkId}/summary`)
    expect(status).toBe(200)
    expect(body).toEqual({
      meter: expect.objectContaining({ id: linkId, number, kind: 'prepaid', tariff: 'DPP' }),
      asOf: expect.stringMatching(/^2026-03-10T12:/),
      stale: false,
      month: {
        month: '2026-03',
        energyKwh: 150,
        amountXof: 15_000,
        previous: { month: '2026-02', energyKwh: 151.5, amountXof: 15_150 },
        sameMonthLastYear: { month: '2025-03', energyKwh: 90, amountXof: 9_000 },
      },
      tranche: { step: 2, energyToNextKwh: 100, priceXof: 136.49, nextPriceXof: 136.49 },
      threshold: { color: 'green', kwhMin: 0, kwhMax: 150 },
      last: {
        id: 'C2026-03-09T08:00:00.000Z',
        at: '2026-03-09T08:00:00.000Z',
        amountXof: 5_000,
        energyKwh: 54.4,
        taxesXof: 110,
        feesXof: 429,
        debtXof: 0,
        remainingDebtXof: 0,
        operator: 'Mobile money',
        steps: [{ energyKwh: 54.4, priceXof: 82, amountXof: 4_461 }],
        tokens: ['12345678901234567890'],
      },
    })
    expect(office.asked.sort()).toEqual(['topupMonths', `topups of ${number} at P1`])
  })

  test('a contract account: the last billed month, its steps scaled to the days of the bill', async () => {
    const { linkId } = await meterOf(customer, { kind: 'postpaid' })
    office.months = [month('2025-12', 180), month('2026-02', 200)]
    office.bills = [bill('1', '2025-12-20'), bill('2', '2026-02-20')]
    const { body } = await get(`${linkId}/summary`)
    expect(body).toMatchObject({
      month: { month: '2026-02', energyKwh: 200, previous: null, sameMonthLastYear: null },
      // 200 kWh in 60 days are in a first step that ends at 300, and a green 100 kWh a month.
      tranche: { step: 1, energyToNextKwh: 100, priceXof: 82, nextPriceXof: 136.49 },
      threshold: { color: 'green' },
      last: { id: '2', number: 'F-2', issuedOn: '2026-02-20', dueOn: null, days: 60 },
    })
    expect(body.last).not.toHaveProperty('tariff')
  })

  test('a meter that never bought anything, of a tariff we do not know', async () => {
    const { linkId } = await meterOf(customer, { tariff: 'Éclairage public' })
    const { status, body } = await get(`${linkId}/summary`)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      meter: { tariff: 'Éclairage public' },
      month: { month: '2026-03', energyKwh: 0, amountXof: 0, previous: null, sameMonthLastYear: null },
      tranche: null,
      threshold: null,
      last: null,
    })
  })

  test('a correction that makes a month negative breaks nothing', async () => {
    const { linkId } = await meterOf(customer)
    office.months = [month('2026-03', -3)]
    expect(await get(`${linkId}/summary`)).toMatchObject({
      status: 200,
      body: { month: { energyKwh: -3 }, tranche: { step: 1 } },
    })
  })
})

describe('protecting the company’s systems', () => {
  test('many readers of a meter, by whatever link, cost one question', async () => {
    const { linkId, meterId } = await meterOf(customer)
    const other = await signedIn(services)
    const { linkId: theirs } = await meterOf(other, { meterId })
    await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        i % 2 ? get(`${linkId}/summary`) : get(`${theirs}/summary`, other),
      ),
    )
    await get(`${linkId}/topups`)
    await get(`${linkId}/months?year=2025`)
    expect(office.asked).toHaveLength(2)
    later()
    await get(`${linkId}/summary`)
    expect(office.asked).toHaveLength(4)
  })

  test('a copy is written when it changed or is a minute old, not at every reading', async () => {
    const { linkId, meterId } = await meterOf(customer)
    const kept = async () => {
      const [row] = await services.db.query<{ version: string }>(
        "select xmin::text version from backoffice_copies where meter_id = $1 and what = 'latest'",
        [meterId],
      )
      return row?.version
    }
    await get(`${linkId}/summary`)
    const first = await kept()
    later()
    await get(`${linkId}/summary`)
    expect(await kept()).toBe(first)
    office.topups = [topup('2026-03-10T09:00:00.000Z')]
    later()
    await get(`${linkId}/summary`)
    const second = await kept()
    expect(second).not.toBe(first)
    services.clock.advance(61_000)
    await get(`${linkId}/summary`)
    expect(await kept()).not.toBe(second)
  })
})

describe('when they do not answer', () => {
  test('the last known copy, marked stale with its time; no copy, a 503; recovery by itself', async () => {
    const { linkId } = await meterOf(customer)
    const never = await meterOf(customer)
    office.months = [month('2026-03', 42)]
    office.topups = [topup('2026-03-09T08:00:00.000Z')]
    const before = (await get(`${linkId}/summary`)).body
    later()
    office.trouble = 'down'
    for (const path of ['summary', 'topups', 'months']) {
      const answer = await get(`${linkId}/${path}`)
      expect(answer).toMatchObject({ status: 200, body: { stale: true } })
      // The summary is as old as the older of its two answers, which came within the same moment.
      const apart = Date.parse(answer.body.asOf) - Date.parse(before.asOf)
      expect(apart >= 0 && apart < 1_000, `${apart} ms apart`).toBe(true)
      expect(await get(`${never.linkId}/${path}`)).toMatchObject({
        status: 503,
        body: { code: 'backoffice_unavailable' },
        retryAfter: '5',
      })
    }
    expect((await get(`${linkId}/summary`)).body).toEqual({ ...before, stale: true })
    office.trouble = null
    expect((await get(`${linkId}/summary`)).body).toMatchObject({ stale: false })
    expect((await get(`${never.linkId}/summary`)).status).toBe(200)
  })

  test('silence is waited for less than two seconds, copy or not', async () => {
    const { linkId } = await meterOf(customer)
    const never = await meterOf(customer)
    await get(`${linkId}/summary`)
    later()
    office.trouble = 'silent'
    const [kept, without] = await Promise.all([get(`${linkId}/summary`), get(`${never.linkId}/summary`)])
    expect(kept).toMatchObject({ status: 200, body: { stale: true } })
    expect(kept.ms).toBeLessThan(1_600)
    expect(without.status).toBe(503)
    expect(without.ms).toBeLessThan(2_000)
  })

  test('a copy of a month that is over shows that month, not an empty present one', async () => {
    const { linkId } = await meterOf(customer)
    office.months = [month('2026-02', 80), month('2026-03', 42)]
    await get(`${linkId}/summary`)
    services.clock.advance(25 * DAY_MS)
    const again = await renewed(customer)
    office.trouble = 'down'
    const { body } = await get(`${linkId}/summary`, again)
    expect(body).toMatchObject({
      stale: true,
      month: { month: '2026-03', energyKwh: 42, previous: { month: '2026-02' } },
    })
    services.clock.advance(-25 * DAY_MS)
  })

  test('pages go on from the copy as far as it reaches, then say that the systems are away', async () => {
    const { linkId } = await meterOf(customer)
    office.topups = Array.from({ length: 50 }, (_, i) =>
      topup(new Date(Date.UTC(2026, 2, 1) - i * DAY_MS).toISOString()),
    )
    await get(`${linkId}/topups`)
    later()
    office.trouble = 'down'
    const ids: string[] = []
    let cursor = ''
    for (;;) {
      const { status, body } = await get(`${linkId}/topups?limit=20${cursor && `&cursor=${cursor}`}`)
      if (status === 503) break
      expect(body.stale).toBe(true)
      ids.push(...body.items.map((item: { id: string }) => item.id))
      cursor = body.nextCursor
    }
    expect(ids).toEqual(office.topups.slice(0, 30).map(item => item.id))
    // A period that the copy holds whole is answered whole.
    const inside = await get(`${linkId}/topups?from=2026-02-20&to=2026-02-22`)
    expect(inside.body).toMatchObject({ stale: true, nextCursor: null })
    expect(inside.body.items).toHaveLength(3)
    expect((await get(`${linkId}/topups?from=2025-06-01&to=2025-06-30`)).status).toBe(503)
    office.trouble = null
    const next = await get(`${linkId}/topups?limit=20&cursor=${cursor}`)
    expect(next.body.items).toHaveLength(20)
  })

  test('a copy that holds everything answers any period', async () => {
    const { linkId } = await meterOf(customer)
    office.topups = [topup('2026-03-01T08:00:00.000Z'), topup('2025-11-01T08:00:00.000Z')]
    await get(`${linkId}/topups`)
    later()
    office.trouble = 'down'
    expect(await get(`${linkId}/topups?from=2025-06-01&to=2025-06-30`)).toMatchObject({
      status: 200,
      body: { items: [], nextCursor: null, stale: true },
    })
    expect((await get(`${linkId}/topups?limit=100`)).body.items).toHaveLength(2)
  })

  test('an older year is kept too, and a year that was recent is found in that copy', async () => {
    const { linkId } = await meterOf(customer)
    office.months = [month('2023-05', 10), month('2025-05', 20)]
    await get(`${linkId}/months?year=2023`)
    await get(`${linkId}/months`)
    later()
    office.trouble = 'down'
    expect((await get(`${linkId}/months?year=2023`)).body).toMatchObject({
      stale: true,
      items: [{ month: '2023-05' }],
    })
    expect((await get(`${linkId}/months?year=2024`)).status).toBe(503)
    services.clock.advance(400 * DAY_MS)
    const again = await renewed(customer)
    expect((await get(`${linkId}/months?year=2025`, again)).body).toMatchObject({
      stale: true,
      items: [{ month: '2025-05' }],
    })
    services.clock.advance(-400 * DAY_MS)
  })
})

describe('lists', () => {
  test('pages by cursor give every purchase once, also of the same second', async () => {
    const { linkId } = await meterOf(customer)
    office.topups = Array.from({ length: 45 }, (_, i) =>
      topup(new Date(Date.UTC(2026, 2, 1) - Math.floor(i / 3) * DAY_MS).toISOString(), {
        id: `C${String(100 - i)}`,
      }),
    )
    const ids: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body } = await get(`${linkId}/topups?limit=10${cursor && `&cursor=${cursor}`}`)
      ids.push(...body.items.map((item: { id: string }) => item.id))
      cursor = body.nextCursor
    }
    expect(ids).toHaveLength(45)
    expect(new Set(ids).size).toBe(45)
  })

  test('both ends of a period are in it', async () => {
    const { linkId } = await meterOf(customer, { kind: 'postpaid' })
    office.bills = ['2025-12-31', '2026-01-01', '2026-01-31', '2026-02-01'].map((day, i) => bill(`${i}`, day))
    const { body } = await get(`${linkId}/bills?from=2026-01-01&to=2026-01-31`)
    expect(body.items.map((item: { issuedOn: string }) => item.issuedOn)).toEqual([
      '2026-01-31',
      '2026-01-01',
    ])
    expect(body.items[0]).not.toHaveProperty('tariff')
  })

  test.each([
    'topups?from=2026-02-30',
    'topups?from=2026-1-1',
    'topups?from=1999-12-31',
    'topups?to=2028-01-01',
    'topups?from=2026-02-02&to=2026-02-01',
    'topups?from=2020-01-01&to=2024-01-01',
    'topups?limit=0',
    'topups?limit=101',
    'topups?cursor=bm90aGluZw',
    `topups?cursor=${Buffer.from('["99999999999999999","x"]').toString('base64url')}`,
    `topups?cursor=${Buffer.from('["1","a b"]').toString('base64url')}`,
    'topups?unknown=1',
    'months?year=1999',
    'months?year=2028',
    'months?year=now',
  ])('%s is refused with its field', async path => {
    const { linkId } = await meterOf(customer)
    const { status, body } = await get(`${linkId}/${path}`)
    expect(status).toBe(422)
    expect(body).toMatchObject({ code: 'invalid', errors: [{ field: expect.stringMatching(/\w/) }] })
    expect(office.asked).toEqual([])
  })

  test('one end of a period is enough', async () => {
    const { linkId } = await meterOf(customer)
    office.topups = [topup('2021-05-05T00:00:00.000Z'), topup('2026-03-01T08:00:00.000Z')]
    expect((await get(`${linkId}/topups?from=2021-01-01`)).body.items).toHaveLength(1)
    expect((await get(`${linkId}/topups?to=2021-12-31`)).body.items).toHaveLength(1)
    expect((await get(`${linkId}/topups?from=2026-03-11`)).body.items).toEqual([])
  })
})

describe('who may see it', () => {
  test('only an active link of one’s own shows figures; staff have other ways', async () => {
    const stranger = await signedIn(services)
    const agent = await signedIn(services, { role: 'agent', agencyId: 3 })
    const { linkId } = await meterOf(customer)
    for (const path of ['summary', 'months', 'topups', 'bills']) {
      expect((await get(`${linkId}/${path}`, stranger)).status).toBe(404)
      expect((await get(`${linkId}/${path}`, agent)).status).toBe(403)
      for (const status of ['pending', 'rejected', 'revoked']) {
        const { linkId: closed } = await meterOf(customer, { status })
        expect((await get(`${closed}/${path}`)).status).toBe(404)
      }
    }
    expect(office.asked).toEqual([])
  })

  test('one kind has no bills, the other no top-ups', async () => {
    const prepaid = await meterOf(customer)
    const postpaid = await meterOf(customer, { kind: 'postpaid' })
    expect((await get(`${prepaid.linkId}/bills`)).status).toBe(404)
    expect((await get(`${postpaid.linkId}/topups`)).status).toBe(404)
  })
})

/** The same customer with a token of the present day. */
async function renewed(who: TestAccount): Promise<TestAccount> {
  const token = await services.tokens.issue({
    id: who.id,
    role: 'customer',
    agencyId: null,
    sessionId: who.sessionId,
  })
  return { ...who, authorization: `Bearer ${token}` }
}
