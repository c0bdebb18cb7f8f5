/**
 * The computed world: what Senelec's systems would hold, derived from a number and never stored.
 * For any seven digits n, the phone +22177n owns the prepaid meter 141n + Luhn digit (POC P+n), the contract account 100n
 * and the connection notice 900n; its agency is number n mod 50. Numbers of another form do not exist.
 */
export interface PrepaidMeterRow {
  number: string
  poc: string
  /** Free text, spelled in several ways. */
  phone: string
  clientNumber: string
  /** Empty when the back office does not know it. */
  address: string
  usage: string
  customerName: string
  agencyName: string
}

export interface PostpaidAccountRow {
  /** Twelve digits, padded with zeros, as SAP keeps it. */
  number: string
  phone: string
  partnerNumber: string
  address: string
  tariff: string
  customerName: string
  agencyName: string
}

export interface TopUpRow {
  orderNumber: string
  meterNumber: string
  poc: string
  agencyName: string
  tariffUsage: string
  at: Date
  netXof: number
  vatXof: number
  tcoXof: number
  totalXof: number
  /** Null now and then: then the total is what the customer paid. */
  receivedXof: number | null
  roundingXof: number
  energyKwh: number
  remainingDebtXof: number
  debtXof: number
  operator: string
  /** One token of 20 digits, or three joined by `;` in the purchase that brought the new keys of 2024. */
  token: string
  /** Only the steps that the purchase drew from: the first may be the second of the tariff. */
  steps: { energyKwh: number; priceXof: number; amountXof: number }[]
}

export interface BillRow {
  id: number
  number: string
  account: string
  partnerNumber: string
  issuedAt: Date
  dueAt: Date
  days: number
  month: number
  year: number
  tariff: string
  energyKwh: number
  steps: { energyKwh: number; priceXof: number; amountXof: number }[]
  netXof: number
  tcoXof: number
  vatXof: number
  totalXof: number
  agencyName: string
  address: string
  meterNumber: string
  customerName: string
}

export interface World {
  /** Answers in microseconds; null for a number of another form. */
  prepaidMeter(number: string): PrepaidMeterRow | null
  /** `number` with or without leading zeros. */
  postpaidAccount(number: string): PostpaidAccountRow | null
  /** Newest first, from included, to excluded; computed ones and stored purchases together. */
  topups(meterNumber: string, from: Date, to: Date): TopUpRow[]
  /** Newest first. */
  bills(account: string, from: Date, to: Date): BillRow[]
  /**
   * A purchase happens now, or at `at` within the history (rows computed after it in its month are left as they are); stored,
   * and returned with its token. Throws an Error with a sentence in French when the meter does not exist, when the amount or the
   * time is out of range, or when the store is full.
   */
  buy(purchase: { meter: string; amountXof: number; at?: Date }): TopUpRow
  /**
   * Stored purchases after a watermark (excluded), oldest first: what "since" returns. No two have the same time, so
   * the last one's `at` is the next watermark.
   */
  purchasesSince(at: Date, limit: number): TopUpRow[]
  /** Names of the 50 agencies, by number. */
  agencies: readonly string[]
  close(): Promise<void>
}
