import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthority } from '../../simulators/authority.ts'
import { createFixedWorld } from '../../simulators/tds/fixed-world.ts'
import { startPostpaid, startSic, type TdsServer } from '../../simulators/tds/index.ts'
import { accountOf, createWorld, meterOf } from '../../simulators/world/index.ts'
import { openBackOffice } from './index.ts'
import type { BackOffice } from './types.ts'

const METER = { meterNumber: '14100000018', poc: 'P0000001' }
const YEAR = { from: new Date('2026-01-01T00:00:00Z'), to: new Date('2027-01-01T00:00:00Z') }

const world = createFixedWorld({
  meter: { phone: 'Tel: néant / 77 000 00 01' },
  account: { phone: '338001122', address: '  ' },
  topups: [
    {
      orderNumber: 'CMD-1',
      at: new Date('2026-01-05T08:00:00.001Z'),
      totalXof: 10_000,
      receivedXof: null,
      netXof: 8_500.4,
      tcoXof: 212.6,
      vatXof: 158.2,
      debtXof: 700,
      remainingDebtXof: 1300,
      energyKwh: 101.239,
      token: '1111 2222 3333 4444 5555,66667777888899990000 / 12345678901234567890',
      steps: [
        { energyKwh: 100, priceXof: 82, amountXof: 8200 },
        { energyKwh: 1.239, priceXof: 136.49, amountXof: 169.11 },
      ],
    },
    { orderNumber: 'CMD-2', at: new Date('2026-03-01T08:00:00.003Z') },
    { orderNumber: 'CMD-3', at: new Date('2026-03-01T08:00:00.003Z'), receivedXof: 4950 },
    { orderNumber: 'CMD-4', at: new Date('2026-03-09T08:00:00Z') },
    { orderNumber: 'CMD-5', at: new Date('2026-03-09T08:00:00Z'), poc: 'P9999999' },
  ],
  bills: [
    { id: 1, number: 'F-1', month: 12, year: 2025, issuedAt: new Date('2026-01-06T00:00:00Z') },
    { id: 2, number: 'F-2', month: 1, year: 2026, issuedAt: new Date('2026-02-05T09:30:00Z') },
    { id: 3, number: 'F-3', month: 1, year: 2026, issuedAt: new Date('2026-02-05T07:00:00Z'), totalXof: 500 },
    { id: 4, number: 'F-4', month: 2, year: 2026, issuedAt: new Date('2026-03-05T00:00:00Z') },
  ],
})

let directory: string
let servers: TdsServer[]
let office: BackOffice

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'backoffice-'))
  const caFile = join(directory, 'ca.pem')
  const authority = await createAuthority()
  writeFileSync(caFile, authority.caPem)
  const login = { tls: await authority.issue(['sic.example']), user: 'lecteur', password: 'secret' }
  const [sic, postpaid] = await Promise.all([
    startSic(world, { ...login, database: 'SIC' }),
    startPostpaid(world, { ...login, database: 'Postpaid' }),
  ])
  servers = [sic, postpaid]
  const address = {
    host: '127.0.0.1',
    user: 'lecteur',
    password: 'secret',
    caFile,
    serverName: 'sic.example',
  }
  office = openBackOffice({
    sic: { ...address, port: sic.port, database: 'SIC' },
    postpaid: { ...address, port: postpaid.port, database: 'Postpaid' },
  })
})

afterAll(async () => {
  await office.close()
  await Promise.all(servers.map(server => server.close()))
  rmSync(directory, { recursive: true })
})

test('a prepaid meter is found with its owner’s phone, taken from free text', async () => {
  expect(await office.prepaidMeter('14100000018')).toEqual({
    number: '14100000018',
    poc: 'P0000001',
    phone: '+221770000001',
    clientNumber: 'C0000001',
    address: 'Rue 10, Médina, Dakar',
    usage: 'DOMESTIQUE',
    customerName: 'Awa Ndiaye',
    agencyName: 'Médina',
  })
})

test('an unknown meter is null, and what cannot be a number is not even asked', async () => {
  expect(await office.prepaidMeter('14199999999')).toBeNull()
  const asked = servers[0]?.statements()
  expect(await office.prepaidMeter("x' or '1'='1")).toBeNull()
  expect(await office.prepaidMeter('9'.repeat(10_000))).toBeNull()
  expect(servers[0]?.statements()).toBe(asked)
})

test('a contract account is found with and without its leading zeros', async () => {
  const account = {
    number: '1000000001',
    phone: '+221338001122',
    partnerNumber: '123456',
    address: null,
    tariff: 'DPP',
    customerName: 'Awa Ndiaye',
    agencyName: 'Médina',
  }
  expect(await office.postpaidAccount('1000000001')).toEqual(account)
  expect(await office.postpaidAccount('001000000001')).toEqual(account)
  expect(await office.postpaidAccount('2000000001')).toBeNull()
})

test('a top-up says what was paid and for what; without an amount received, the total counts', async () => {
  const [topup] = await office.topups({ ...METER, from: YEAR.from, to: new Date('2026-02-01') }, { limit: 5 })
  expect(topup).toEqual({
    id: 'CMD-1',
    meterNumber: '14100000018',
    poc: 'P0000001',
    at: new Date('2026-01-05T08:00:00.000Z'),
    amountXof: 10_000,
    energyKwh: 101.24,
    taxesXof: 371,
    feesXof: 429,
    debtXof: 700,
    remainingDebtXof: 1300,
    operator: 'Guichet',
    tariff: 'DPP',
    steps: [
      { energyKwh: 100, priceXof: 82, amountXof: 8200 },
      { energyKwh: 1.24, priceXof: 136.49, amountXof: 169 },
    ],
    tokens: ['11112222333344445555', '66667777888899990000', '12345678901234567890'],
  })
})

test('top-ups come newest first, of this point of connection alone, and pages neither repeat nor skip', async () => {
  const all = await office.topups({ ...METER, ...YEAR }, { limit: 50 })
  expect(all.map(topup => topup.id)).toEqual(['CMD-4', 'CMD-3', 'CMD-2', 'CMD-1'])
  const paged: string[] = []
  let after: { at: Date; id: string } | undefined
  for (;;) {
    const [topup] = await office.topups({ ...METER, ...YEAR }, { limit: 1, after })
    if (!topup) break
    paged.push(topup.id)
    after = topup
  }
  expect(paged).toEqual(['CMD-4', 'CMD-3', 'CMD-2', 'CMD-1'])
})

test('a period holds its start and not its end', async () => {
  const at = new Date('2026-03-09T08:00:00Z')
  const later = new Date('2026-03-10T08:00:00Z')
  expect(await office.topups({ ...METER, from: at, to: later }, { limit: 9 })).toHaveLength(1)
  expect(await office.topups({ ...METER, from: YEAR.from, to: at }, { limit: 9 })).toHaveLength(3)
  expect(await office.topups({ ...METER, from: at, to: at }, { limit: 9 })).toEqual([])
})

test('what is new of all meters comes oldest first, and pages neither repeat nor skip, also within an instant', async () => {
  const until = new Date('2027-01-01')
  const all = await office.topupsSince({ at: new Date('2026-01-05T08:00:00.100Z'), id: '' }, until, 50)
  expect(all.map(topup => topup.id)).toEqual(['CMD-2', 'CMD-3', 'CMD-4', 'CMD-5'])
  const paged: string[] = []
  let after = { at: YEAR.from, id: '' }
  for (;;) {
    const [topup] = await office.topupsSince(after, until, 1)
    if (!topup) break
    paged.push(topup.id)
    after = topup
  }
  expect(paged).toEqual(['CMD-1', 'CMD-2', 'CMD-3', 'CMD-4', 'CMD-5'])
  expect(await office.topupsSince({ at: YEAR.from, id: '' }, new Date('2026-03-01'), 9)).toMatchObject([
    { id: 'CMD-1', meterNumber: '14100000018', tranches: [1, 2], amountXof: 10_000 },
  ])
})

test('months of top-ups are summed by the source, oldest first', async () => {
  expect(await office.topupMonths({ ...METER, ...YEAR })).toEqual([
    { month: '2026-01', energyKwh: 101.24, amountXof: 10_000 },
    { month: '2026-03', energyKwh: 163.14, amountXof: 14_950 },
  ])
})

test('a bill says what it covers, and its energy by tranche', async () => {
  const [bill] = await office.bills({ account: '1000000001', ...YEAR }, { limit: 1 })
  expect(bill).toEqual({
    id: '4',
    number: 'F-4',
    account: '1000000001',
    issuedOn: '2026-03-05',
    dueOn: '2026-03-20',
    days: 30,
    month: '2026-02',
    energyKwh: 210.5,
    amountXof: 21_072,
    taxesXof: 514,
    tariff: 'DPP',
    steps: [{ energyKwh: 150 }, { energyKwh: 60.5 }],
  })
})

test('pages of bills go on by the day of issue, whatever the hour that the source keeps', async () => {
  const paged: string[] = []
  let after: { at: Date; id: string } | undefined
  for (;;) {
    const [bill] = await office.bills({ account: '001000000001', ...YEAR }, { limit: 1, after })
    if (!bill) break
    paged.push(bill.number)
    after = { at: new Date(bill.issuedOn), id: bill.id }
  }
  expect(paged).toEqual(['F-4', 'F-3', 'F-2', 'F-1'])
})

test('a cursor of bills that is no number is the caller’s fault', async () => {
  const after = { at: YEAR.from, id: '1; drop table' }
  await expect(office.bills({ account: '1000000001', ...YEAR }, { limit: 1, after })).rejects.toMatchObject({
    code: 'malformed',
  })
})

test('months of bills are the billed ones, not those of issue', async () => {
  expect(await office.billMonths({ account: '1000000001', ...YEAR })).toEqual([
    { month: '2026-01', energyKwh: 421, amountXof: 21_572 },
    { month: '2026-02', energyKwh: 210.5, amountXof: 21_072 },
  ])
  const december = { from: new Date('2025-12-15'), to: new Date('2026-01-01') }
  expect(await office.billMonths({ account: '1000000001', ...december })).toHaveLength(1)
})

test('dates out of a DATETIME’s reach are brought into it', async () => {
  const ever = { from: new Date(-8.64e15), to: new Date(8.64e15) }
  expect(await office.topups({ ...METER, ...ever }, { limit: 1000 })).toHaveLength(4)
  expect(await office.topupMonths({ ...METER, ...ever })).toHaveLength(2)
})

test('whatever number of the computed world is asked, its rows fit the columns', async () => {
  const computed = createWorld({ epoch: new Date('2026-06-15T12:00:00Z') })
  const login = { tls: null, user: 'lecteur', password: 'secret' }
  const [sic, postpaid] = await Promise.all([
    startSic(computed, { ...login, database: 'SIC' }),
    startPostpaid(computed, { ...login, database: 'Postpaid' }),
  ])
  const address = { host: '127.0.0.1', user: 'lecteur', password: 'secret', encrypt: false }
  const asked = openBackOffice({
    sic: { ...address, port: sic.port, database: 'SIC' },
    postpaid: { ...address, port: postpaid.port, database: 'Postpaid' },
  })
  for (const n of [0, 1, 7, 49, 1_000_000, 1_234_567, 9_999_999]) {
    const meter = await asked.prepaidMeter(meterOf(n))
    expect(meter?.number).toBe(meterOf(n))
    expect((await asked.postpaidAccount(accountOf(n)))?.phone).toBe(meter?.phone)
    const of = {
      meterNumber: meterOf(n),
      poc: meter?.poc ?? '',
      from: new Date(0),
      to: new Date('2027-01-01'),
    }
    const topups = await asked.topups(of, { limit: 500 })
    const months = await asked.topupMonths(of)
    expect(months.reduce((sum, month) => sum + month.amountXof, 0)).toBe(
      topups.reduce((sum, topup) => sum + topup.amountXof, 0),
    )
    expect(topups.every(({ tokens }) => tokens.length === 1 || tokens.length === 3)).toBe(true)
    const bills = await asked.bills({ account: accountOf(n), ...YEAR }, { limit: 20 })
    expect(bills.length).toBeGreaterThan(0)
    expect(await asked.billMonths({ account: accountOf(n), ...YEAR })).not.toEqual([])
  }
  await asked.close()
  await Promise.all([sic.close(), postpaid.close()])
  await computed.close()
})

test('all of it goes through few connections', () => {
  expect(servers.map(server => server.peakConnections() <= 5)).toEqual([true, true])
  expect(office.state()).toEqual({ sic: 'ok', postpaid: 'ok' })
})
