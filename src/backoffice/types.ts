import type { Log } from '../observability/index.ts'

/**
 * The company's systems in our own words. Column names stay inside this folder. Money is XOF, energy kWh, times UTC.
 * Every function rejects with `Unavailable` (lib/problems.ts, code `backoffice_unavailable`) when its system does not
 * answer in time, answers with an error, or is being left alone by the circuit breaker: at the latest after 1.8 s.
 * Pages hold at most 500 rows.
 */

/** A prepaid meter as SIC knows it. */
export interface PrepaidMeter {
  number: string
  /** Point of connection: what ties the meter number to a place and a contract. */
  poc: string
  /** E.164, or null when the free text on file is not a Senegalese number. */
  phone: string | null
  clientNumber: string | null
  address: string | null
  usage: string | null
  customerName: string | null
  agencyName: string | null
}

/** A postpaid contract account as SIC knows it. */
export interface PostpaidAccount {
  /** Contract account without leading zeros. */
  number: string
  phone: string | null
  partnerNumber: string | null
  address: string | null
  tariff: string | null
  customerName: string | null
  agencyName: string | null
}

export interface ConsumptionStep {
  energyKwh: number
  /** Price of one kWh before tax; may have decimals. */
  priceXof: number
  amountXof: number
}

export interface TopUp {
  /** Order number: unique. */
  id: string
  meterNumber: string
  poc: string
  at: Date
  /** What the customer paid, whole francs. */
  amountXof: number
  energyKwh: number
  /** TVA and TCO together. */
  taxesXof: number
  /** What is left of the amount when energy, taxes and debt are taken away: the meter fee and stamp duty. */
  feesXof: number
  debtXof: number
  remainingDebtXof: number
  operator: string | null
  tariff: string | null
  steps: ConsumptionStep[]
  /** 20 digits each, in the order in which they must be entered. */
  tokens: string[]
}

/** A top-up of whatever meter. */
export interface FoundTopUp extends TopUp {
  /** Tranches in which its energy was bought, counted from 1, the lowest first: several when it entered another. */
  tranches: number[]
}

export interface Bill {
  id: string
  number: string
  account: string
  /** `YYYY-MM-DD`. */
  issuedOn: string
  /** `YYYY-MM-DD`, null when the source does not say. */
  dueOn: string | null
  /** Days covered, null when the source does not say. */
  days: number | null
  /** The month that is billed, `YYYY-MM`. */
  month: string
  energyKwh: number
  amountXof: number
  taxesXof: number
  tariff: string | null
  /** Energy by tranche, the first one first: the source holds neither price nor amount of a tranche. */
  steps: { energyKwh: number }[]
}

export interface MonthTotal {
  /** `YYYY-MM` */
  month: string
  energyKwh: number
  amountXof: number
}

/** Half-open: from included, to excluded. */
export interface Period {
  from: Date
  to: Date
}

/** The row after which a page goes on: keyset. */
export interface After {
  /** Of a bill, the day of issue. */
  at: Date
  id: string
}

export interface BackOffice {
  /** Null when the number is not known. One round trip. */
  prepaidMeter(number: string): Promise<PrepaidMeter | null>
  /** Compares without leading zeros. Null when not known. */
  postpaidAccount(number: string): Promise<PostpaidAccount | null>
  /** Newest first, of this meter at this point of connection alone. */
  topups(
    of: { meterNumber: string; poc: string } & Period,
    page: { limit: number; after?: After },
  ): Promise<TopUp[]>
  /**
   * Top-ups of all meters after a row (the next ones of the same instant among them), before `until`, oldest first: what
   * is new costs what there is of it. An empty id stands before every row of its instant.
   */
  topupsSince(after: After, until: Date, limit: number): Promise<FoundTopUp[]>
  /** One row per month that has purchases, oldest first, summed by the source. */
  topupMonths(of: { meterNumber: string; poc: string } & Period): Promise<MonthTotal[]>
  /** Newest first by date of issue. */
  bills(of: { account: string } & Period, page: { limit: number; after?: After }): Promise<Bill[]>
  /** One row per billed month that the period touches, oldest first. */
  billMonths(of: { account: string } & Period): Promise<MonthTotal[]>
  /** What the complete health check and `/health` show, from the circuit breakers' own state; no call is made. */
  state(): Record<'sic' | 'postpaid', 'ok' | 'down'>
  close(): Promise<void>
}

/** Where a SQL Server is and who we are there. */
export interface SqlServerAddress {
  host: string
  port: number
  user: string
  password: string
  database: string
  /** True by default. Then the certificate is always verified, and a server that offers no encryption is refused. */
  encrypt?: boolean
  /** The authority that is trusted, PEM; the system's ones without it. */
  caFile?: string
  /** The name that the certificate must carry; by default the host, so it is needed where that is an address. */
  serverName?: string
}

/** How much a system of the company is asked of, and how long it is waited for. Milliseconds. */
export interface Limits {
  /** Open connections to each system. */
  connections: number
  /** Calls that may wait for a connection; more fail at once. */
  queue: number
  /** To connect and sign in. */
  connectMs: number
  /** From the request to the first byte of the answer. */
  requestMs: number
  /** For the server to acknowledge that a request is given up; then its connection is cut. */
  cancelMs: number
  /** The whole call, whatever happens. */
  callMs: number
  /** Failures in a row after which the system is left alone. */
  failures: number
  /** How long it is left alone before one probe. */
  pauseMs: number
}

/** Hears when a system is left alone and when it answers again. */
export type BackOfficeLog = Pick<Log, 'info' | 'warn'>

export interface BackOfficeConfig {
  sic: SqlServerAddress
  postpaid: SqlServerAddress
  log?: BackOfficeLog
  limits?: Partial<Limits>
}
