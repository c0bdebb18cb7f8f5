import type { BillRow, PostpaidAccountRow, PrepaidMeterRow, TopUpRow, World } from '../world/types.ts'

/** A world that a test can know by heart: one meter with its purchases, one account with its bills. */
interface FixedWorld {
  meter?: Partial<PrepaidMeterRow>
  account?: Partial<PostpaidAccountRow>
  topups?: Partial<TopUpRow>[]
  bills?: Partial<BillRow>[]
}

const METER: PrepaidMeterRow = {
  number: '14100000018',
  poc: 'P0000001',
  phone: '+221770000001',
  clientNumber: 'C0000001',
  address: 'Rue 10, Médina, Dakar',
  usage: 'DOMESTIQUE',
  customerName: 'Awa Ndiaye',
  agencyName: 'Médina',
}

const ACCOUNT: PostpaidAccountRow = {
  number: '001000000001',
  phone: '+221770000001',
  partnerNumber: '0000123456',
  address: 'Rue 10, Médina, Dakar',
  tariff: 'DPP',
  customerName: 'Awa Ndiaye',
  agencyName: 'Médina',
}

const TOPUP: TopUpRow = {
  orderNumber: 'CMD-1',
  meterNumber: METER.number,
  poc: METER.poc,
  agencyName: 'Médina',
  tariffUsage: 'DPP',
  at: new Date('2026-03-07T10:00:00Z'),
  netXof: 4459.55,
  vatXof: 0,
  tcoXof: 111.49,
  totalXof: 5000,
  receivedXof: 5000,
  roundingXof: 0,
  energyKwh: 54.38,
  remainingDebtXof: 0,
  debtXof: 0,
  operator: 'Guichet',
  token: '12345678901234567890',
  steps: [{ energyKwh: 54.38, priceXof: 82, amountXof: 4459.16 }],
}

const BILL: BillRow = {
  id: 1,
  number: 'F-1',
  account: ACCOUNT.number,
  partnerNumber: ACCOUNT.partnerNumber,
  issuedAt: new Date('2026-03-05T00:00:00Z'),
  dueAt: new Date('2026-03-20T00:00:00Z'),
  days: 30,
  month: 2,
  year: 2026,
  tariff: 'DPP',
  energyKwh: 210.5,
  steps: [
    { energyKwh: 150, priceXof: 82, amountXof: 12_300 },
    { energyKwh: 60.5, priceXof: 136.49, amountXof: 8257.65 },
  ],
  netXof: 20_557.65,
  tcoXof: 513.94,
  vatXof: 0,
  totalXof: 21_072,
  agencyName: 'Médina',
  address: ACCOUNT.address,
  meterNumber: '77123',
  customerName: ACCOUNT.customerName,
}

/** What is not given is one purchase and one bill of an everyday customer. */
export function createFixedWorld(given: FixedWorld = {}): World {
  const meter = { ...METER, ...given.meter }
  const account = { ...ACCOUNT, ...given.account }
  const topups = (given.topups ?? [{}]).map(row => ({ ...TOPUP, ...row }))
  const bills = (given.bills ?? [{}]).map(row => ({ ...BILL, ...row }))
  const bare = (number: string) => number.replace(/^0+/, '')
  return {
    prepaidMeter: number => (number === meter.number ? meter : null),
    postpaidAccount: number => (bare(number) === bare(account.number) ? account : null),
    topups: (number, from, to) =>
      topups.filter(row => row.meterNumber === number && row.at >= from && row.at < to),
    bills: (number, from, to) =>
      bills.filter(row => bare(row.account) === bare(number) && row.issuedAt >= from && row.issuedAt < to),
    buy: () => {
      throw new Error('nothing is sold in a fixed world')
    },
    purchasesSince: (at, limit) =>
      topups
        .filter(row => row.at > at)
        .sort((a, b) => a.at.getTime() - b.at.getTime())
        .slice(0, limit),
    agencies: ['Médina'],
    close: () => Promise.resolve(),
  }
}
