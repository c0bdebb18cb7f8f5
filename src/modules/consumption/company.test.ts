import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createAuthority } from '../../../simulators/authority.ts'
import { type Behaviour, startPostpaid, startSic, type TdsServer } from '../../../simulators/tds/index.ts'
import { accountOf, createWorld, meterOf, type World } from '../../../simulators/world/index.ts'
import {
  signedIn,
  type TestAccount,
  type TestServices,
  testApp,
  testServices,
  until,
} from '../../../test/harness.ts'
import { openBackOffice } from '../../backoffice/index.ts'
import type { BackOffice } from '../../backoffice/types.ts'
import type { App } from '../../http/index.ts'
import { ensureAgencies } from '../agencies/index.ts'
import { linkDemoMeters, metersRoutes } from '../meters/index.ts'
import { consumptionRoutes } from './index.ts'

/*
 * The whole way, from the request to the company's SQL Servers and back: the real client, over TDS and TLS, to the
 * simulated systems, well and unwell.
 */

const N = 1
const PAUSE_MS = 300
const behaviour: Record<'sic' | 'postpaid', Behaviour> = { sic: { mode: 'ok' }, postpaid: { mode: 'ok' } }

let folder: string
let world: World
let servers: { sic: TdsServer; postpaid: TdsServer }
let backoffice: BackOffice
let services: TestServices
let app: App
let owner: TestAccount
let prepaid: string
let postpaid: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'consumption-'))
  const caFile = join(folder, 'ca.pem')
  const authority = await createAuthority()
  writeFileSync(caFile, authority.caPem)
  const login = { tls: await authority.issue(), user: 'lecteur', password: 'secret' }
  world = createWorld({ epoch: new Date() })
  const [sic, postpaidServer] = await Promise.all([
    startSic(world, { ...login, database: 'SIC', behaviour: () => behaviour.sic }),
    startPostpaid(world, { ...login, database: 'Postpaid', behaviour: () => behaviour.postpaid }),
  ])
  servers = { sic, postpaid: postpaidServer }
  const address = { host: '127.0.0.1', user: 'lecteur', password: 'secret', caFile, serverName: 'localhost' }
  backoffice = openBackOffice({
    sic: { ...address, port: sic.port, database: 'SIC' },
    postpaid: { ...address, port: postpaidServer.port, database: 'Postpaid' },
    limits: { pauseMs: PAUSE_MS },
  })
  services = await testServices({ backoffice })
  await ensureAgencies(
    services,
    world.agencies.map((name, id) => ({ id, name })),
  )
  app = await testApp(services, it => {
    metersRoutes(it, services)
    consumptionRoutes(it, services)
  })
  owner = await signedIn(services, { phone: '+221770000001' })
  await linkDemoMeters(services, [owner])
  await linkDemoMeters(services, [owner])
  const { items } = (await call(owner, 'GET', '/v1/meters')).body
  prepaid = items.find((item: { number: string }) => item.number === meterOf(N)).id
  postpaid = items.find((item: { number: string }) => accountOf(N).endsWith(item.number)).id
})
afterAll(async () => {
  await app.close()
  await backoffice.close()
  await Promise.all([servers.sic.close(), servers.postpaid.close()])
  await world.close()
  await services.close()
  rmSync(folder, { recursive: true })
})
afterEach(async () => {
  behaviour.sic = { mode: 'ok' }
  behaviour.postpaid = { mode: 'ok' }
  await until('both systems to be used again', () =>
    Object.values(backoffice.state()).every(state => state === 'ok'),
  )
})

async function call(who: TestAccount, method: 'GET' | 'POST', url: string, payload?: object) {
  const startedAt = performance.now()
  const response = await app.inject({
    method,
    url,
    headers: { authorization: who.authorization },
    ...(payload ? { payload } : {}),
  })
  return { status: response.statusCode, body: response.json(), ms: performance.now() - startedAt }
}
const link = (who: TestAccount, kind: string, number: string) =>
  call(who, 'POST', '/v1/meters', { kind, number })
const get = (path: string) => call(owner, 'GET', `/v1/meters/${path}`)
async function make(mode: Behaviour['mode']): Promise<void> {
  behaviour.sic = { mode }
  if (mode === 'down') await until('its connections to be cut', () => servers.sic.connections() === 0)
}
/** What is kept fresh is asked anew. */
const later = () => services.clock.advance(16_000)

test('meters are linked to their holder, in the agency that SIC spells its own way', async () => {
  for (const [id, kind] of [
    [prepaid, 'prepaid'],
    [postpaid, 'postpaid'],
  ]) {
    expect((await get(`${id}`)).body).toMatchObject({
      kind,
      role: 'owner',
      status: 'active',
      agency: { id: '1', name: world.agencies[1] },
      address: expect.any(String),
      tariff: kind === 'prepaid' ? 'DPP' : 'DPP-POST',
    })
  }
})

test('summary, months and top-ups say what SIC holds', async () => {
  const now = new Date(services.clock.now())
  const start = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1))
  const bought = world.topups(meterOf(N), start, new Date(now.getTime() + 86_400_000))
  const { body } = await get(`${prepaid}/summary`)
  expect(body.stale).toBe(false)
  expect(body.month.energyKwh).toBeCloseTo(
    bought.reduce((sum, row) => sum + row.energyKwh, 0),
    1,
  )
  const year = now.getUTCFullYear() - 1
  const months = await get(`${prepaid}/months?year=${year}`)
  expect(months.body.items).toHaveLength(12)
  const first = await get(`${prepaid}/topups?limit=2`)
  expect(body.last).toEqual(first.body.items[0])
  const second = await get(`${prepaid}/topups?limit=2&cursor=${first.body.nextCursor}`)
  const all = await get(`${prepaid}/topups?limit=4`)
  expect([...first.body.items, ...second.body.items]).toEqual(all.body.items)
  for (const { tokens, amountXof, taxesXof, feesXof, debtXof, steps } of all.body.items) {
    expect(tokens[0]).toMatch(/^\d{20}$/)
    const energyXof = steps.reduce((sum: number, step: { amountXof: number }) => sum + step.amountXof, 0)
    expect(Math.abs(amountXof - taxesXof - feesXof - debtXof - energyXof)).toBeLessThanOrEqual(2)
  }
})

test('summary, months and bills say what Postpaid holds', async () => {
  const { body } = await get(`${postpaid}/summary`)
  const bills = await get(`${postpaid}/bills?limit=2`)
  expect(body).toMatchObject({ stale: false, last: bills.body.items[0] })
  expect(body.month.month).toBe(bills.body.items[0].month)
  expect(body.month.energyKwh).toBe(bills.body.items[0].energyKwh)
  expect(body.tranche.step).toBeGreaterThan(0)
  const next = await get(`${postpaid}/bills?limit=2&cursor=${bills.body.nextCursor}`)
  expect(next.body.items).toHaveLength(2)
  expect(next.body.items[0].issuedOn < bills.body.items[1].issuedOn).toBe(true)
})

test('a purchase shows once what was fresh is over', async () => {
  world.buy({ meter: meterOf(N), amountXof: 7_000 })
  later()
  expect((await get(`${prepaid}/topups?limit=1`)).body.items[0]).toMatchObject({ amountXof: 7_000 })
  expect((await get(`${prepaid}/summary`)).body.last.amountXof).toBe(7_000)
})

test.each([
  ['down', 2],
  ['slow', 3],
  ['error-mid-rows', 4],
  ['hang', 5],
] as const)(
  'SIC %s: the stale copy or a clear 503 within 2 s, then recovery by itself',
  async (mode, yearsAgo) => {
    const kept = (await get(`${prepaid}/summary`)).body
    later()
    await make(mode)
    // A year that nobody has asked for.
    const never = new Date(services.clock.now()).getUTCFullYear() - yearsAgo
    const answers = await Promise.all([
      ...Array.from({ length: 10 }, () => get(`${prepaid}/summary`)),
      get(`${prepaid}/topups`),
      get(`${prepaid}/months?year=${never}`),
    ])
    const without = answers.pop()
    for (const { status, body, ms } of answers) {
      expect([status, body.stale]).toEqual([200, true])
      expect(Date.parse(body.asOf)).toBeLessThanOrEqual(Date.parse(kept.asOf) + 5_000)
      expect(ms).toBeLessThan(2_000)
    }
    expect(without).toMatchObject({ status: 503, body: { code: 'backoffice_unavailable' } })
    expect(without?.ms).toBeLessThan(2_000)
    // The other system is not touched by it.
    expect((await get(`${postpaid}/summary`)).body.stale).toBe(false)
    behaviour.sic = { mode: 'ok' }
    await until('fresh figures', async () => (await get(`${prepaid}/summary`)).body.stale === false, 8_000)
    expect(servers.sic.peakConnections()).toBeLessThanOrEqual(5)
  },
)

test('while SIC is away nothing can be linked, and nothing is half linked', async () => {
  const newcomer = await signedIn(services, { phone: '+221770000042' })
  await make('down')
  expect(await link(newcomer, 'prepaid', meterOf(42))).toMatchObject({
    status: 503,
    body: { code: 'backoffice_unavailable' },
  })
  behaviour.sic = { mode: 'ok' }
  await until('the link', async () => (await link(newcomer, 'prepaid', meterOf(42))).status === 201)
})

test('a guest who waits, a stranger and another agency’s agent see no figure', async () => {
  const guest = await signedIn(services, { phone: '+221770000007' })
  const asked = await link(guest, 'prepaid', meterOf(N))
  expect(asked.body).toMatchObject({ role: 'guest', status: 'pending', address: null })
  expect((await call(guest, 'GET', `/v1/meters/${asked.body.id}/summary`)).status).toBe(404)
  expect((await call(guest, 'GET', `/v1/meters/${prepaid}/summary`)).status).toBe(404)
  const [mine, other] = [
    await signedIn(services, { role: 'agent', agencyId: 1 }),
    await signedIn(services, { role: 'agent', agencyId: 2 }),
  ]
  const approve = `/v1/admin/meters/links/${asked.body.id}/approve`
  expect((await call(other, 'POST', approve)).status).toBe(404)
  expect((await call(mine, 'POST', approve)).status).toBe(200)
  expect((await call(guest, 'GET', `/v1/meters/${asked.body.id}/summary`)).status).toBe(200)
})
