import type { BillRow, World } from '../world/types.ts'
import { startTdsServer } from './server.ts'
import { BIGINT, DATETIME, decimal, INT, nvarchar, varchar } from './sql-types.ts'
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
const DAY_MS = 86_400_000
/** A month is billed in the months around it. */
const BILLED_WITHIN_MONTHS = 3

const BILLS: readonly TableColumn<BillRow>[] = [
  { name: 'IDHistorique', type: BIGINT, of: row => row.id },
  { name: 'numFact', type: varchar(30), of: row => row.number },
  { name: 'numCC', type: varchar(20), of: row => row.account },
  { name: 'numPartenaire', type: varchar(20), of: row => row.partnerNumber },
  { name: 'dateEnvoi', type: DATETIME, of: row => row.issuedAt },
  { name: 'ADD_LIV', type: nvarchar(200), of: row => row.address },
  { name: 'AGENCE', type: nvarchar(80), of: row => row.agencyName },
  { name: 'TARIF', type: varchar(20), of: row => row.tariff },
  { name: 'NOCPTEUR', type: varchar(20), of: row => row.meterNumber },
  { name: 'NOMPRES', type: nvarchar(120), of: row => row.customerName },
  { name: 'NBJRS_', type: INT, of: row => row.days },
  { name: 'BT_CONSTOT', type: ENERGY, of: row => row.energyKwh },
  ...[0, 1, 2].map(
    (step): TableColumn<BillRow> => ({
      name: `BT_CONSOM${step + 1}`,
      type: ENERGY,
      of: row => row.steps[step]?.energyKwh ?? null,
    }),
  ),
  { name: 'BT_MONT_HT', type: AMOUNT, of: row => row.netXof },
  { name: 'BT_MONT_TCO', type: AMOUNT, of: row => row.tcoXof },
  { name: 'BT_MONT_TTC', type: AMOUNT, of: row => row.totalXof },
  { name: 'BT_TOTALFACTUR', type: AMOUNT, of: row => row.totalXof },
  { name: 'MONT_TCO', type: AMOUNT, of: row => row.tcoXof },
  { name: 'MONT_TVA', type: AMOUNT, of: row => row.vatXof },
  { name: 'MONT_TTC', type: AMOUNT, of: row => row.totalXof },
  { name: 'TOTALFACT', type: AMOUNT, of: row => row.totalXof },
  { name: 'moisFacturation', type: INT, of: row => row.month },
  { name: 'anneeFacturation', type: INT, of: row => row.year },
  { name: 'DATFACT', type: DATETIME, of: row => row.issuedAt },
  { name: 'DATEECH', type: DATETIME, of: row => row.dueAt },
]

const BY_PERIOD =
  /^numcc in \(@(\w+), @(\w+)\) and datfact >= @(\w+) and datfact < @(\w+)(?: and \(cast\(datfact as date\) < @(\w+) or \(cast\(datfact as date\) = @\5 and idhistorique < @(\w+)\)\))?$/
const NEWEST_FIRST = 'cast(datfact as date) desc, idhistorique desc'
const BY_MONTHS =
  /^numcc in \(@(\w+), @(\w+)\) and anneefacturation \* 100 \+ moisfacturation between @(\w+) and @(\w+)$/
const MONTH = 'anneefacturation, moisfacturation'
const MONTH_TOTALS = [
  'anneefacturation as annee',
  'moisfacturation as mois',
  'sum(bt_constot) as energie',
  'sum(coalesce(totalfact, mont_ttc, bt_totalfactur, bt_mont_ttc, 0)) as montant',
]
const MONTH_COLUMNS: ResultSet['columns'] = [
  { name: 'ANNEE', type: INT },
  { name: 'MOIS', type: INT },
  { name: 'ENERGIE', type: ENERGY },
  { name: 'MONTANT', type: AMOUNT },
]

/** Answers Postpaid's statements from the world; null for a text of another shape. */
export function postpaidAnswer(world: World): (request: SqlRequest) => ResultSet | SqlError | null {
  return answerBy(select => {
    if (select.table !== 'historique') return null
    return select.groupBy === null ? billsPlan(world, select) : billMonthsPlan(world, select)
  })
}

/** The simulated Postpaid: a SQL Server of one world. */
export function startPostpaid(world: World, options: Omit<TdsServerOptions, 'answer'>): Promise<TdsServer> {
  return startTdsServer({ ...options, answer: postpaidAnswer(world) })
}

/** Bills of the account, if one of the two spellings is the one that the table holds. */
function billsOf(
  world: World,
  params: SqlRequest['params'],
  spellings: readonly string[],
  from: Date,
  to: Date,
): BillRow[] {
  const texts = spellings.map(name => textParam(params, name))
  return world.bills(texts[0] as string, from, to).filter(bill => texts.includes(bill.account))
}

/** The first day of the month `202603`, some months later. */
const monthStart = (month: number, later: number): Date =>
  new Date(Date.UTC(Math.floor(month / 100), (month % 100) - 1 + later))

const dayOf = (date: Date): number => Math.floor(date.getTime() / DAY_MS)

function billsPlan(world: World, select: Select): Plan | SqlError | null {
  const [, bare, padded, from, to, at, id] = BY_PERIOD.exec(select.where) ?? []
  if (bare === undefined || padded === undefined || from === undefined || to === undefined) return null
  if (select.orderBy !== NEWEST_FIRST) return null
  const projected = project(select, BILLS)
  if ('error' in projected) return projected
  const { columns, toValues } = projected
  return params => {
    const start = new Date(timeParam(params, from))
    const end = new Date(timeParam(params, to))
    const before = at === undefined ? null : dayOf(new Date(timeParam(params, at)))
    const lastId = id === undefined ? 0 : Number(params[id])
    const rows = billsOf(world, params, [bare, padded], start, end)
      .filter(bill => {
        const day = dayOf(bill.issuedAt)
        return before === null || day < before || (day === before && bill.id < lastId)
      })
      .sort((a, b) => dayOf(b.issuedAt) - dayOf(a.issuedAt) || b.id - a.id)
      .slice(0, topOf(select, params))
    return { columns, rows: rows.map(toValues) }
  }
}

function billMonthsPlan(world: World, select: Select): Plan | null {
  const [, bare, padded, from, to] = BY_MONTHS.exec(select.where) ?? []
  if (bare === undefined || padded === undefined || from === undefined || to === undefined) return null
  const known =
    select.groupBy === MONTH &&
    select.orderBy === 'annee, mois' &&
    select.columns.join() === MONTH_TOTALS.join()
  if (!known) return null
  return params => {
    const first = Number(params[from])
    const last = Number(params[to])
    const months = new Map<number, [number, number, number, number]>()
    const start = monthStart(first, -BILLED_WITHIN_MONTHS)
    const end = monthStart(last, 1 + BILLED_WITHIN_MONTHS)
    for (const bill of billsOf(world, params, [bare, padded], start, end)) {
      const month = bill.year * 100 + bill.month
      if (month < first || month > last) continue
      const sum = months.get(month) ?? [bill.year, bill.month, 0, 0]
      sum[2] += bill.energyKwh
      sum[3] += bill.totalXof
      months.set(month, sum)
    }
    return { columns: MONTH_COLUMNS, rows: [...months].sort((a, b) => a[0] - b[0]).map(([, sum]) => sum) }
  }
}
