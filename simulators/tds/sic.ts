import type { PostpaidAccountRow, PrepaidMeterRow, TopUpRow, World } from '../world/types.ts'
import { startTdsServer } from './server.ts'
import { DATETIME, decimal, INT, nvarchar, roundToDatetime, varchar } from './sql-types.ts'
import {
  answerBy,
  type Plan,
  project,
  type Select,
  type TableColumn,
  textParam,
  timeParam,
  topOf,
} from './statements.ts'
import type { ResultSet, SqlError, SqlRequest, TdsServer, TdsServerOptions } from './types.ts'

const AMOUNT = decimal(18, 2)
const ENERGY = decimal(18, 2)
const PRICE = decimal(18, 4)

const METERS: readonly TableColumn<PrepaidMeterRow>[] = [
  { name: 'N° COMPTEUR', type: varchar(20), of: row => row.number },
  { name: 'POC', type: varchar(20), of: row => row.poc },
  { name: 'TEL', type: varchar(40), of: row => row.phone },
  { name: 'N° CLIENT', type: varchar(20), of: row => row.clientNumber },
  { name: 'ADRESSE', type: nvarchar(200), of: row => row.address },
  { name: 'USAGE', type: nvarchar(60), of: row => row.usage },
  { name: 'CLIENT', type: nvarchar(120), of: row => row.customerName },
  { name: 'AGENCE', type: nvarchar(80), of: row => row.agencyName },
]

const ACCOUNTS: readonly TableColumn<PostpaidAccountRow>[] = [
  { name: 'COMPTE CONTRAT', type: varchar(20), of: row => row.number },
  { name: 'TELEPHONE', type: varchar(40), of: row => row.phone },
  { name: 'N PARTENAIRE', type: varchar(20), of: row => row.partnerNumber },
  { name: 'ADRESSE', type: nvarchar(200), of: row => row.address },
  { name: 'TARIF', type: varchar(20), of: row => row.tariff },
  { name: 'CLIENT', type: nvarchar(120), of: row => row.customerName },
  { name: 'AGENCE', type: nvarchar(80), of: row => row.agencyName },
]

const TOPUPS: readonly TableColumn<TopUpRow>[] = [
  { name: 'NUMERO_COMMANDE', type: varchar(40), of: row => row.orderNumber },
  { name: 'NUMERO_COMPTEUR', type: varchar(20), of: row => row.meterNumber },
  { name: 'POLICE', type: varchar(20), of: row => row.poc },
  { name: 'NOM_AGENCE_ENCAISSEMENT', type: nvarchar(80), of: row => row.agencyName },
  { name: 'TARIF_USAGE', type: varchar(40), of: row => row.tariffUsage },
  { name: 'DATE_TRANSACTION', type: DATETIME, of: row => row.at },
  { name: 'MONTANT_HT', type: AMOUNT, of: row => row.netXof },
  { name: 'MONTANT_TVA', type: AMOUNT, of: row => row.vatXof },
  { name: 'MONTANT_TCO', type: AMOUNT, of: row => row.tcoXof },
  { name: 'MONTANT_TTC', type: AMOUNT, of: row => row.totalXof },
  { name: 'ENERGIE_VENDUE', type: ENERGY, of: row => row.energyKwh },
  { name: 'SOLDE_DETTE', type: AMOUNT, of: row => row.remainingDebtXof },
  { name: 'DETTES', type: AMOUNT, of: row => row.debtXof },
  { name: 'NOM_OPERATEUR', type: nvarchar(80), of: row => row.operator },
  { name: 'TOKEN', type: varchar(200), of: row => row.token },
  { name: 'MONTANT_RECU', type: AMOUNT, of: row => row.receivedXof },
  { name: 'ARRONDI', type: AMOUNT, of: row => row.roundingXof },
  ...[0, 1, 2].flatMap((step): TableColumn<TopUpRow>[] => [
    { name: `ENERGIE${step + 1}`, type: ENERGY, of: row => row.steps[step]?.energyKwh ?? null },
    { name: `PRIX${step + 1}`, type: PRICE, of: row => row.steps[step]?.priceXof ?? null },
    { name: `MONTANT${step + 1}`, type: AMOUNT, of: row => row.steps[step]?.amountXof ?? null },
  ]),
]

/** A DATETIME is as near as this to the time that it holds. */
const ROUNDING_MS = 5

const BY_METER = /^\[n° compteur\] = @(\w+)$/
const BY_ACCOUNT = /^\[compte contrat\] in \(@(\w+), @(\w+)\)$/
const BY_PERIOD =
  /^numero_compteur = @(\w+) and police = @(\w+) and date_transaction >= @(\w+) and date_transaction < @(\w+)(?: and \(date_transaction < @(\w+) or \(date_transaction = @\5 and numero_commande < @(\w+)\)\))?$/
const SINCE =
  /^date_transaction >= @(\w+) and date_transaction < @(\w+) and \(date_transaction > @\1 or numero_commande > @(\w+)\)$/
const OLDEST_FIRST = 'date_transaction, numero_commande'
const NEWEST_FIRST = 'date_transaction desc, numero_commande desc'
const MONTH = 'year(date_transaction), month(date_transaction)'
const MONTH_TOTALS = [
  'year(date_transaction) as annee',
  'month(date_transaction) as mois',
  'sum(energie_vendue) as energie',
  'sum(coalesce(montant_recu, montant_ttc, 0)) as montant',
]
const MONTH_COLUMNS: ResultSet['columns'] = [
  { name: 'ANNEE', type: INT },
  { name: 'MOIS', type: INT },
  { name: 'ENERGIE', type: ENERGY },
  { name: 'MONTANT', type: AMOUNT },
]

/** Answers SIC's statements from the world. A text of another shape gets null, a column that SIC has not an error. */
export function sicAnswer(world: World): (request: SqlRequest) => ResultSet | SqlError | null {
  return answerBy(select => {
    if (select.table === 'hexing_infos_administratives_new') return meterPlan(world, select)
    if (select.table === 'compteurs_postpaid') return accountPlan(world, select)
    if (select.table !== 'hexing_senelecbill_alhdl2') return null
    if (select.groupBy !== null) return topupMonthsPlan(world, select)
    return select.orderBy === OLDEST_FIRST ? topupsSincePlan(world, select) : topupsPlan(world, select)
  })
}

/** The simulated SIC: a SQL Server of one world. */
export function startSic(world: World, options: Omit<TdsServerOptions, 'answer'>): Promise<TdsServer> {
  return startTdsServer({ ...options, answer: sicAnswer(world) })
}

function meterPlan(world: World, select: Select): Plan | SqlError | null {
  const [, number] = BY_METER.exec(select.where) ?? []
  if (number === undefined || select.groupBy !== null) return null
  const projected = project(select, METERS)
  if ('error' in projected) return projected
  const { columns, toValues } = projected
  return params => {
    const meter = world.prepaidMeter(textParam(params, number))
    return { columns, rows: meter ? [toValues(meter)] : [] }
  }
}

function accountPlan(world: World, select: Select): Plan | SqlError | null {
  const [, ...spellings] = BY_ACCOUNT.exec(select.where) ?? []
  if (spellings.length === 0 || select.groupBy !== null) return null
  const projected = project(select, ACCOUNTS)
  if ('error' in projected) return projected
  const { columns, toValues } = projected
  return params => {
    const texts = spellings.map(name => textParam(params, name))
    const account = world.postpaidAccount(texts[0] as string)
    // compared as the column holds it: letter by letter
    return { columns, rows: account && texts.includes(account.number) ? [toValues(account)] : [] }
  }
}

/** Purchases of a meter at a point of connection in a period, at the times that a DATETIME can hold, newest first. */
function topupsOf(world: World, params: SqlRequest['params'], names: readonly string[]): TopUpRow[] {
  const [meter, poc, from, to, at, id] = names
  const start = timeParam(params, from as string)
  const end = timeParam(params, to as string)
  const police = textParam(params, poc as string)
  const before = at === undefined ? null : timeParam(params, at)
  const order = id === undefined ? '' : textParam(params, id)
  // more on both sides, for the times that rounding brings in
  const last = before === null ? end : Math.min(end, before)
  return world
    .topups(textParam(params, meter as string), new Date(start - ROUNDING_MS), new Date(last + ROUNDING_MS))
    .map(row => ({ ...row, at: new Date(roundToDatetime(row.at.getTime())) }))
    .filter(row => {
      const time = row.at.getTime()
      if (row.poc !== police || time < start || time >= end) return false
      return before === null || time < before || (time === before && row.orderNumber < order)
    })
    .sort((a, b) => b.at.getTime() - a.at.getTime() || (a.orderNumber < b.orderNumber ? 1 : -1))
}

function topupsPlan(world: World, select: Select): Plan | SqlError | null {
  const [, ...names] = BY_PERIOD.exec(select.where) ?? []
  if (names.length === 0 || select.orderBy !== NEWEST_FIRST) return null
  const projected = project(select, TOPUPS)
  if ('error' in projected) return projected
  const { columns, toValues } = projected
  return params => {
    const rows = topupsOf(world, params, names).slice(0, topOf(select, params))
    return { columns, rows: rows.map(toValues) }
  }
}

/** Purchases of everybody since a time, oldest first: those that were made, since what is computed is history. */
function topupsSincePlan(world: World, select: Select): Plan | SqlError | null {
  const [, from, to, after] = SINCE.exec(select.where) ?? []
  if (from === undefined || to === undefined || after === undefined) return null
  const projected = project(select, TOPUPS)
  if ('error' in projected) return projected
  const { columns, toValues } = projected
  return params => {
    const start = timeParam(params, from)
    const end = timeParam(params, to)
    const order = textParam(params, after)
    const top = topOf(select, params)
    // One a millisecond at most: as many more as rounding may bring in.
    const rows = world
      .purchasesSince(new Date(start - ROUNDING_MS - 1), top + 2 * ROUNDING_MS)
      .map(row => ({ ...row, at: new Date(roundToDatetime(row.at.getTime())) }))
      .filter(row => {
        const time = row.at.getTime()
        return time < end && (time > start || (time === start && row.orderNumber > order))
      })
      .sort((a, b) => a.at.getTime() - b.at.getTime() || (a.orderNumber < b.orderNumber ? -1 : 1))
    return { columns, rows: rows.slice(0, top).map(toValues) }
  }
}

function topupMonthsPlan(world: World, select: Select): Plan | null {
  const [, ...names] = BY_PERIOD.exec(select.where) ?? []
  const known =
    names.length > 0 &&
    names[4] === undefined &&
    select.groupBy === MONTH &&
    select.orderBy === 'annee, mois' &&
    select.columns.join() === MONTH_TOTALS.join()
  if (!known) return null
  return params => {
    const months = new Map<string, [number, number, number, number]>()
    for (const row of topupsOf(world, params, names).reverse()) {
      const year = row.at.getUTCFullYear()
      const month = row.at.getUTCMonth() + 1
      const sum = months.get(`${year}-${month}`) ?? [year, month, 0, 0]
      sum[2] += row.energyKwh
      sum[3] += row.receivedXof ?? row.totalXof
      months.set(`${year}-${month}`, sum)
    }
    return { columns: MONTH_COLUMNS, rows: [...months.values()] }
  }
}
