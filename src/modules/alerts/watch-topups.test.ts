import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { signedIn, type TestServices, testServices } from '../../../test/harness.ts'
import type { BackOffice, FoundTopUp } from '../../backoffice/types.ts'
import { newId } from '../../lib/id.ts'
import { Unavailable } from '../../lib/problems.ts'
import { metrics } from '../../observability/index.ts'
import { forgetFound, watchTopUps } from './index.ts'

const NOW = Date.parse('2026-03-07T10:00:00Z')
const MINUTE = 60_000

/** SIC as far as watching goes: what was sold and can be seen. */
const sic = { sales: [] as FoundTopUp[], isAway: false, asked: 0 }
const isBehind = (sale: FoundTopUp, { at, id }: { at: Date; id: string }) =>
  sale.at > at || (sale.at.getTime() === at.getTime() && sale.id > id)
const topupsSince: BackOffice['topupsSince'] = async (after, until, limit) => {
  sic.asked++
  if (sic.isAway) throw new Unavailable(new Error('down'))
  return sic.sales
    .filter(sale => sale.at < until && isBehind(sale, after))
    .sort((a, b) => (isBehind(a, b) ? 1 : -1))
    .slice(0, limit)
}

let services: TestServices
let now = NOW
let orders = 0
beforeAll(async () => {
  const base = await testServices()
  services = {
    ...base,
    clock: { ...base.clock, now: () => now },
    backoffice: { ...base.backoffice, topupsSince },
  }
})
afterAll(() => services.close())
beforeEach(async () => {
  now = NOW
  Object.assign(sic, { sales: [], isAway: false, asked: 0 })
  await services.db.query('truncate watermarks, found_topups, notifications, deliveries, outbox')
  // The first look ever only remembers from when on it watches.
  await watchTopUps(services)
})

/** A customer with a meter, or with somebody else's. */
async function follower({
  number = `141${++orders}`,
  label = null as string | null,
  status = 'active',
} = {}) {
  const { id } = await signedIn(services)
  await services.db.query(
    `with meter as (
       insert into meters (id, kind, number, poc) values ($1, 'prepaid', $2, 'P1')
       on conflict (kind, number, poc) do update set poc = excluded.poc returning id
     )
     insert into meter_links (id, customer_id, meter_id, role, status, label, activated_at)
     select $3, $4, id, 'guest', $5, $6, case $5 when 'active' then now() end from meter`,
    [newId(), number, newId(), id, status, label],
  )
  return { id, number }
}

const sold = (meterNumber: string, more: Partial<FoundTopUp> = {}): FoundTopUp => ({
  id: `CMD-${String(++orders).padStart(6, '0')}`,
  meterNumber,
  poc: 'P1',
  at: new Date(now - 1_000),
  amountXof: 5_000,
  energyKwh: 54.38,
  taxesXof: 111,
  feesXof: 429,
  debtXof: 0,
  remainingDebtXof: 0,
  operator: 'Guichet',
  tariff: 'DPP',
  steps: [{ energyKwh: 54.38, priceXof: 82, amountXof: 4_459 }],
  tokens: ['12345678901234567890'],
  tranches: [1],
  ...more,
})

const inboxOf = (customerId: string) =>
  services.db.query<Record<string, unknown>>(
    `select type, priority, title, body, data, extract(epoch from expires_at - created_at)::int life
     from notifications where customer_id = $1 order by id`,
    [customerId],
  )
const plain = (text: unknown) => String(text).replace(/[\u00a0\u202f]/g, ' ')
const delay = async (): Promise<number> =>
  (await metrics.watcherDelay.get()).values.find(({ labels }) => labels.watcher === 'topups')?.value ?? -1

describe('a top-up', () => {
  it('is told to whoever follows its meter, with its token, and to nobody else', async () => {
    const owner = await follower({ label: 'Maison' })
    const guest = await follower({ number: owner.number })
    const refused = await follower({ number: owner.number, status: 'rejected' })
    const other = await follower()
    const sale = sold(owner.number)
    sic.sales = [sale, sold('14199999999')]
    await watchTopUps(services)
    const [told, ...more] = await inboxOf(owner.id)
    expect(more).toEqual([])
    expect(told).toMatchObject({ type: 'topup', priority: 'high', data: { topupId: sale.id } })
    expect(plain(told?.title)).toBe('Recharge reçue : 5 000 F')
    expect(plain(told?.body)).toBe(`Maison (${owner.number}) : 54,38 kWh. Code : 1234 5678 9012 3456 7890.`)
    expect(plain((await inboxOf(guest.id))[0]?.body)).toContain(`Compteur ${owner.number} : 54,38 kWh.`)
    expect([await inboxOf(refused.id), await inboxOf(other.id)]).toEqual([[], []])
    const sent = await services.db.query("select 1 from outbox where queue = 'high_priority'")
    expect(sent).toHaveLength(2)
  })

  it('that comes with new keys names its tokens in their order; one without says nothing of them', async () => {
    const me = await follower()
    sic.sales = [
      sold(me.number, { tokens: ['11112222333344445555', '66667777888899990000'] }),
      sold(me.number, { tokens: [] }),
    ]
    await watchTopUps(services)
    const bodies = (await inboxOf(me.id)).map(({ body }) => plain(body)).sort()
    const bought = `Compteur ${me.number} : 54,38 kWh.`
    expect(bodies).toEqual([
      bought,
      `${bought} Codes, dans cet ordre : 1111 2222 3333 4444 5555, puis 6666 7777 8888 9999 0000.`,
    ])
  })

  it('that enters a tranche says so, in a notification of its own', async () => {
    const me = await follower()
    const steps = [
      { energyKwh: 40, priceXof: 82, amountXof: 3_280 },
      { energyKwh: 8, priceXof: 136.49, amountXof: 1_092 },
    ]
    sic.sales = [sold(me.number, { steps, tranches: [1, 2] }), sold(me.number, { tranches: [2] })]
    await watchTopUps(services)
    const told = await inboxOf(me.id)
    expect(told.map(({ type }) => type).sort()).toEqual(['topup', 'topup', 'tranche'])
    const tranche = told.find(({ type }) => type === 'tranche')
    expect(tranche).toMatchObject({ title: 'Tranche 2 entamée', priority: 'normal' })
    expect(plain(tranche?.body)).toContain('à 136,49 F le kWh')
    const unpriced = steps.map(step => ({ ...step, priceXof: 0 }))
    sic.sales.push(sold(me.number, { steps: unpriced, tranches: [2, 3] }))
    await watchTopUps(services)
    expect((await inboxOf(me.id)).find(({ title }) => title === 'Tranche 3 entamée')?.body).toBe(
      `Compteur ${me.number} : vos achats du mois passent en tranche 3.`,
    )
  })

  it('of before anybody watched is not told; one that was sold long ago wakes no device for long', async () => {
    const me = await follower()
    sic.sales = [sold(me.number, { at: new Date(NOW - 60 * MINUTE) })]
    await watchTopUps(services)
    expect(await inboxOf(me.id)).toEqual([])
    sic.isAway = true
    sic.sales = [sold(me.number), sold(me.number, { at: new Date(NOW + MINUTE) })]
    now = NOW + 24 * 60 * MINUTE
    await watchTopUps(services)
    sic.isAway = false
    await watchTopUps(services)
    expect((await inboxOf(me.id)).map(({ life }) => life)).toEqual([60, 60])
  })
})

describe('each is told once', () => {
  it('however often it is read, by several at once, page by page, and when it is seen late', async () => {
    const people = await Promise.all(Array.from({ length: 5 }, () => follower()))
    const sell = (at: number) => sold(people[orders % 5]?.number as string, { at: new Date(at) })
    sic.sales = Array.from({ length: 1_200 }, (_, i) => sell(NOW + i * 10))
    now = NOW + 30_000
    await Promise.all([watchTopUps(services), watchTopUps(services), watchTopUps(services)])
    // Older than what was seen last, and not there before.
    sic.sales.push(sell(NOW + 5), sell(NOW - 60_000))
    await watchTopUps(services)
    await watchTopUps(services)
    const told = await services.db.query<{ id: string }>("select data ->> 'topupId' id from notifications")
    expect(told.map(({ id }) => id).sort()).toEqual(sic.sales.map(({ id }) => id).sort())
  })

  it('also when what tells of it fails on the way', async () => {
    const me = await follower()
    sic.sales = [sold(me.number)]
    const failing = {
      ...services,
      wakeRelay: services.wakeRelay,
      db: {
        ...services.db,
        tx: (work: Parameters<TestServices['db']['tx']>[0]) =>
          services.db.tx(async tx => {
            await work(tx)
            throw new Error('killed')
          }),
      },
    } as TestServices
    await expect(watchTopUps(failing)).rejects.toThrow('killed')
    expect(await inboxOf(me.id)).toEqual([])
    await watchTopUps(services)
    expect(await inboxOf(me.id)).toHaveLength(1)
  })

  it('after what was found is forgotten: no look comes back to it', async () => {
    const me = await follower()
    sic.sales = [sold(me.number)]
    await watchTopUps(services)
    now = NOW + 11 * MINUTE
    sic.sales.push(sold(me.number))
    await watchTopUps(services)
    await forgetFound(services)
    expect(await services.db.query('select 1 from found_topups')).toHaveLength(1)
    await watchTopUps(services)
    expect(await inboxOf(me.id)).toHaveLength(2)
  })
})

describe('the watcher', () => {
  it('loses nothing while SIC is away, and its delay grows until all was looked at', async () => {
    const me = await follower()
    sic.isAway = true
    sic.sales = [sold(me.number, { at: new Date(NOW + 1_000) })]
    now = NOW + 10 * MINUTE
    await watchTopUps(services)
    expect(await delay()).toBe(600)
    expect(await inboxOf(me.id)).toEqual([])
    sic.isAway = false
    await watchTopUps(services)
    expect(await inboxOf(me.id)).toHaveLength(1)
    now += 5_000
    await watchTopUps(services)
    expect(await delay()).toBe(5)
  })

  it('goes on in the next look when there is more than one look takes', async () => {
    const me = await follower()
    sic.sales = Array.from({ length: 20_100 }, (_, i) => sold('none', { at: new Date(NOW + i * 20) }))
    sic.sales.push(sold(me.number, { at: new Date(NOW + 20_101 * 20) }))
    now = NOW + 20 * MINUTE
    await watchTopUps(services)
    expect([sic.asked, (await inboxOf(me.id)).length]).toEqual([41, 0])
    await watchTopUps(services)
    expect(await inboxOf(me.id)).toHaveLength(1)
  })

  it('is not led astray by a sale of a time to come', async () => {
    const me = await follower()
    sic.sales = [
      sold(me.number, { at: new Date(NOW + 5 * MINUTE) }),
      sold(me.number, { at: new Date(NOW + 99 * MINUTE) }),
    ]
    await watchTopUps(services)
    expect(await inboxOf(me.id)).toHaveLength(1)
    sic.sales.push(sold(me.number))
    await watchTopUps(services)
    expect(await inboxOf(me.id)).toHaveLength(2)
    now = NOW + 100 * MINUTE
    await watchTopUps(services)
    expect(await inboxOf(me.id)).toHaveLength(3)
  })

  it('fails aloud on what is not SIC being away', async () => {
    const broken = {
      ...services,
      backoffice: {
        ...services.backoffice,
        topupsSince: () => Promise.reject(new Error('a column is missing')),
      },
    }
    await expect(watchTopUps(broken)).rejects.toThrow('a column is missing')
  })
})
