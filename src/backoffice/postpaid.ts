import sql from 'mssql'
import { roundKwh, wholeXof } from '../lib/money.ts'
import { Problem } from '../lib/problems.ts'
import {
  day,
  firstNumber,
  inRange,
  isEmpty,
  isIdentifier,
  month,
  number,
  pageSize,
  text,
  withoutZeros,
} from './columns.ts'
import type { Row, Statement } from './pool.ts'
import { ACCOUNT_DIGITS, toMonthTotal } from './sic.ts'
import type { SqlServer } from './sql-server.ts'
import type { BackOffice, Bill } from './types.ts'

const CODE = sql.VarChar(40)
const code = (value: string) => ({ type: CODE, value })

// both spellings by equality, since taking the zeros off the column would read every row
const BILLS = `
select top (@limit) IDHistorique, numFact, numCC, NBJRS_, BT_CONSTOT, BT_CONSOM1, BT_CONSOM2, BT_CONSOM3,
  BT_MONT_TCO, BT_MONT_TTC, BT_TOTALFACTUR, MONT_TCO, MONT_TVA, MONT_TTC, TOTALFACT,
  moisFacturation, anneeFacturation, TARIF, DATFACT, DATEECH
from Historique
where numCC in (@bare, @padded) and DATFACT >= @from and DATFACT < @to`
const AFTER = `
  and (cast(DATFACT as date) < @afterOn or (cast(DATFACT as date) = @afterOn and IDHistorique < @afterId))`
const NEWEST_FIRST = `
order by cast(DATFACT as date) desc, IDHistorique desc`

const BILL_MONTHS = `
select anneeFacturation as ANNEE, moisFacturation as MOIS, sum(BT_CONSTOT) as ENERGIE,
  sum(coalesce(TOTALFACT, MONT_TTC, BT_TOTALFACTUR, BT_MONT_TTC, 0)) as MONTANT
from Historique
where numCC in (@bare, @padded) and anneeFacturation * 100 + moisFacturation between @fromMonth and @toMonth
group by anneeFacturation, moisFacturation
order by ANNEE, MOIS`

/** What tells whether Postpaid answers: a look for the bills of an account that does not exist. */
export const POSTPAID_PROBE: Statement = {
  text: BILLS + NEWEST_FIRST,
  parameters: {
    ...spellings('0'),
    limit: integer(1),
    from: time(new Date(0)),
    to: time(new Date(1)),
  },
}

/** The questions that are asked of Postpaid. */
export function askPostpaid(server: SqlServer): Pick<BackOffice, 'bills' | 'billMonths'> {
  return {
    bills: async (of, { limit, after }) => {
      if (!isIdentifier(of.account) || isEmpty(of)) return []
      const parameters = {
        ...spellings(of.account),
        from: time(of.from),
        to: time(of.to),
        limit: integer(pageSize(limit)),
      }
      if (!after) return (await server.query({ text: BILLS + NEWEST_FIRST, parameters })).map(toBill)
      if (!/^\d{1,18}$/.test(after.id)) throw new Problem('malformed', { cause: 'a bill’s id is a number' })
      const rows = await server.query({
        text: BILLS + AFTER + NEWEST_FIRST,
        parameters: {
          ...parameters,
          afterOn: { type: sql.Date(), value: inRange(after.at) },
          afterId: { type: sql.BigInt(), value: after.id },
        },
      })
      return rows.map(toBill)
    },

    billMonths: async of => {
      if (!isIdentifier(of.account) || isEmpty(of)) return []
      const rows = await server.query({
        text: BILL_MONTHS,
        parameters: {
          ...spellings(of.account),
          fromMonth: integer(monthNumber(inRange(of.from))),
          toMonth: integer(monthNumber(new Date(inRange(of.to).getTime() - 1))),
        },
      })
      return rows.map(toMonthTotal)
    },
  }
}

function spellings(account: string) {
  const bare = withoutZeros(account)
  return { bare: code(bare), padded: code(bare.padStart(ACCOUNT_DIGITS, '0')) }
}

function integer(value: number) {
  return { type: sql.Int(), value }
}

function time(at: Date) {
  return { type: sql.DateTime(), value: inRange(at) }
}

const monthNumber = (at: Date): number => at.getUTCFullYear() * 100 + at.getUTCMonth() + 1

function toBill(row: Row): Bill {
  const steps = [1, 2, 3]
    .map(n => ({ energyKwh: roundKwh(firstNumber(row, `BT_CONSOM${n}`)) }))
    .filter(step => step.energyKwh > 0)
  const energy = number(row, 'BT_CONSTOT') ?? steps.reduce((sum, step) => sum + step.energyKwh, 0)
  const issuedOn = day(row, 'DATFACT') ?? ''
  const year = number(row, 'anneeFacturation')
  const monthOfYear = number(row, 'moisFacturation')
  const id = text(row, 'IDHistorique') ?? ''
  return {
    id,
    number: text(row, 'numFact') ?? id,
    account: withoutZeros(text(row, 'numCC') ?? ''),
    issuedOn,
    dueOn: day(row, 'DATEECH'),
    days: number(row, 'NBJRS_'),
    month: year !== null && monthOfYear !== null ? month(year, monthOfYear) : issuedOn.slice(0, 7),
    energyKwh: roundKwh(energy),
    amountXof: wholeXof(firstNumber(row, 'TOTALFACT', 'MONT_TTC', 'BT_TOTALFACTUR', 'BT_MONT_TTC')),
    taxesXof: wholeXof(firstNumber(row, 'MONT_TVA') + firstNumber(row, 'MONT_TCO', 'BT_MONT_TCO')),
    tariff: text(row, 'TARIF'),
    steps,
  }
}
