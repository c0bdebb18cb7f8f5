import type { SqlType, SqlValue } from './sql-types.ts'
import type { Column, ResultSet, SqlError, SqlRequest } from './types.ts'

/** A SELECT taken apart, in lower case and single spaces: what two spellings of the same statement have in common. */
export interface Select {
  /** Name of the parameter of TOP, or its number, or null. */
  top: string | null
  columns: string[]
  table: string
  where: string
  groupBy: string | null
  orderBy: string | null
}

/** A column that a simulated table has: its real name, its type and where its value comes from. */
export interface TableColumn<Row> {
  name: string
  type: SqlType
  of: (row: Row) => SqlValue
}

/** How one known SELECT is answered, worked out once for its text. */
export type Plan = (params: SqlRequest['params']) => ResultSet | SqlError

const SHAPE =
  /^select (?:top \((@\w+|\d+)\) )?(.+?) from (\[[^\]]+\]|[\w.]+) where (.+?)(?: group by (.+?))?(?: order by (.+))?$/

const PLANS_KEPT = 200

/** Null when the text is no SELECT of this kind. */
export function readSelect(sql: string): Select | null {
  const text = sql.trim().replace(/;$/, '').replace(/\s+/g, ' ').toLowerCase()
  const found = SHAPE.exec(text)
  if (!found) return null
  const [, top, columns, table, where, groupBy, orderBy] = found
  return {
    top: top?.replace(/^@/, '') ?? null,
    columns: splitColumns(columns as string),
    table: (table as string).replace(/^dbo\./, ''),
    where: where as string,
    groupBy: groupBy ?? null,
    orderBy: orderBy ?? null,
  }
}

/** Splits at the commas that stand outside parentheses and brackets. */
function splitColumns(list: string): string[] {
  const columns = ['']
  let depth = 0
  for (const character of list) {
    if (character === '(' || character === '[') depth++
    if (character === ')' || character === ']') depth--
    if (character === ',' && depth === 0) columns.push('')
    else columns[columns.length - 1] += character
  }
  return columns.map(column => column.trim())
}

/** Answers statements by plans, remembered by their text; null for a text that no plan is made for. */
export function answerBy(
  plan: (select: Select) => Plan | SqlError | null,
): (request: SqlRequest) => ResultSet | SqlError | null {
  const plans = new Map<string, Plan | SqlError | null>()
  return ({ sql, params }) => {
    let known = plans.get(sql)
    if (known === undefined) {
      const select = readSelect(sql)
      known = select && plan(select)
      if (plans.size >= PLANS_KEPT) plans.clear()
      plans.set(sql, known)
    }
    return typeof known === 'function' ? known(params) : known
  }
}

/** The columns that a SELECT asks of a table, and how a row of it becomes values; an error names the first it has not. */
export function project<Row>(
  select: Select,
  table: readonly TableColumn<Row>[],
): { columns: Column[]; toValues: (row: Row) => SqlValue[] } | SqlError {
  const asked: TableColumn<Row>[] = []
  for (const name of select.columns) {
    const plain = name.replace(/^\[(.*)\]$/, '$1')
    const column = table.find(candidate => candidate.name.toLowerCase() === plain)
    if (!column) return { error: 207, message: `Invalid column name '${plain}'.` }
    asked.push(column)
  }
  return {
    columns: asked.map(({ name, type }) => ({ name, type })),
    toValues: row => asked.map(column => column.of(row)),
  }
}

export function textParam(params: SqlRequest['params'], name: string): string {
  const value = params[name]
  if (typeof value !== 'string') throw new TypeError(`@${name} is not a text`)
  return value
}

export function timeParam(params: SqlRequest['params'], name: string): number {
  const value = params[name]
  if (!(value instanceof Date)) throw new TypeError(`@${name} is not a date`)
  return value.getTime()
}

/** The number of rows that TOP allows. */
export function topOf(select: Select, params: SqlRequest['params']): number {
  if (select.top === null) return Number.POSITIVE_INFINITY
  const value = /^\d+$/.test(select.top) ? select.top : params[select.top]
  const top = Number(value)
  if (!Number.isInteger(top) || top < 0) throw new TypeError('TOP is not a number')
  return top
}
