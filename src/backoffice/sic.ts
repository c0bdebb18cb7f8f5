import sql from 'mssql'
import { roundKwh, wholeXof } from '../lib/money.ts'
import {
  date,
  firstNumber,
  inRange,
  isEmpty,
  isIdentifier,
  month,
  number,
  pageSize,
  phone,
  text,
  tokens,
  withoutZeros,
} from './columns.ts'
import type { Row, Statement } from './pool.ts'
import type { SqlServer } from './sql-server.ts'
import type {
  BackOffice,
  ConsumptionStep,
  MonthTotal,
  PostpaidAccount,
  PrepaidMeter,
  TopUp,
} from './types.ts'

/** SAP pads contract accounts to twelve digits. */
export const ACCOUNT_DIGITS = 12

// VARCHAR as the columns are: an NVARCHAR parameter would make the server convert, and so read, every row
const CODE = sql.VarChar(40)
const code = (value: string) => ({ type: CODE, value })

const METER = `
select [N° COMPTEUR], POC, TEL, [N° CLIENT], ADRESSE, [USAGE], [CLIENT], AGENCE
from HEXING_INFOS_ADMINISTRATIVES_NEW
where [N° COMPTEUR] = @number`

// both spellings by equality, since taking the zeros off the column would read every row
const ACCOUNT = `
select [COMPTE CONTRAT], TELEPHONE, [N PARTENAIRE], ADRESSE, TARIF, [CLIENT], AGENCE
from compteurs_postpaid
where [COMPTE CONTRAT] in (@bare, @padded)`

const IN_PERIOD = `
from HEXING_SENELECBILL_ALHDL2
where NUMERO_COMPTEUR = @meter and POLICE = @poc and DATE_TRANSACTION >= @from and DATE_TRANSACTION < @to`

const TOPUP_ROWS = `
select top (@limit) NUMERO_COMMANDE, NUMERO_COMPTEUR, POLICE, TARIF_USAGE, DATE_TRANSACTION,
  MONTANT_HT, MONTANT_TVA, MONTANT_TCO, MONTANT_TTC, MONTANT_RECU, ENERGIE_VENDUE, SOLDE_DETTE, DETTES, NOM_OPERATEUR, TOKEN,
  ENERGIE1, PRIX1, MONTANT1, ENERGIE2, PRIX2, MONTANT2, ENERGIE3, PRIX3, MONTANT3`
const TOPUPS = TOPUP_ROWS + IN_PERIOD
const AFTER = `
  and (DATE_TRANSACTION < @afterAt or (DATE_TRANSACTION = @afterAt and NUMERO_COMMANDE < @afterId))`
const NEWEST_FIRST = `
order by DATE_TRANSACTION desc, NUMERO_COMMANDE desc`

const TOPUPS_SINCE = `${TOPUP_ROWS}
from HEXING_SENELECBILL_ALHDL2
where DATE_TRANSACTION >= @afterAt and DATE_TRANSACTION < @until
  and (DATE_TRANSACTION > @afterAt or NUMERO_COMMANDE > @afterId)
order by DATE_TRANSACTION, NUMERO_COMMANDE`

const TOPUP_MONTHS = `
select year(DATE_TRANSACTION) as ANNEE, month(DATE_TRANSACTION) as MOIS,
  sum(ENERGIE_VENDUE) as ENERGIE, sum(coalesce(MONTANT_RECU, MONTANT_TTC, 0)) as MONTANT ${IN_PERIOD}
group by year(DATE_TRANSACTION), month(DATE_TRANSACTION)
order by ANNEE, MOIS`

/** What tells whether SIC answers: a look for a meter that does not exist. */
export const SIC_PROBE: Statement = { text: METER, parameters: { number: code('0') } }

type Sic = Pick<BackOffice, 'prepaidMeter' | 'postpaidAccount' | 'topups' | 'topupsSince' | 'topupMonths'>

/** The questions that are asked of SIC. */
export function askSic(server: SqlServer): Sic {
  return {
    prepaidMeter: async number => {
      if (!isIdentifier(number)) return null
      const [row] = await server.query({ text: METER, parameters: { number: code(number) } })
      return row ? toMeter(row) : null
    },

    postpaidAccount: async number => {
      if (!isIdentifier(number)) return null
      const bare = withoutZeros(number)
      const parameters = { bare: code(bare), padded: code(bare.padStart(ACCOUNT_DIGITS, '0')) }
      const [row] = await server.query({ text: ACCOUNT, parameters })
      return row ? toAccount(row) : null
    },

    topups: async (of, { limit, after }) => {
      if (!isIdentifier(of.meterNumber) || isEmpty(of)) return []
      const parameters = { ...inPeriod(of), limit: { type: sql.Int(), value: pageSize(limit) } }
      const rows = await server.query(
        after
          ? {
              text: TOPUPS + AFTER + NEWEST_FIRST,
              parameters: { ...parameters, afterAt: time(after.at), afterId: code(after.id) },
            }
          : { text: TOPUPS + NEWEST_FIRST, parameters },
      )
      return rows.map(toTopUp)
    },

    topupsSince: async (after, until, limit) => {
      const parameters = {
        limit: { type: sql.Int(), value: pageSize(limit) },
        afterAt: time(after.at),
        afterId: code(after.id),
        until: time(until),
      }
      const rows = await server.query({ text: TOPUPS_SINCE, parameters })
      return rows.map(row => ({ ...toTopUp(row), tranches: tranchesOf(row) }))
    },

    topupMonths: async of => {
      if (!isIdentifier(of.meterNumber) || isEmpty(of)) return []
      const rows = await server.query({ text: TOPUP_MONTHS, parameters: inPeriod(of) })
      return rows.map(toMonthTotal)
    },
  }
}

// DATETIME as the column is: it counts in 300ths of a second, and a finer type would not equal what was read from it
const time = (at: Date) => ({ type: sql.DateTime(), value: inRange(at) })

const inPeriod = (of: { meterNumber: string; poc: string; from: Date; to: Date }) => ({
  meter: code(of.meterNumber),
  poc: code(of.poc),
  from: time(of.from),
  to: time(of.to),
})

function toMeter(row: Row): PrepaidMeter {
  return {
    number: text(row, 'N° COMPTEUR') ?? '',
    poc: text(row, 'POC') ?? '',
    phone: phone(row, 'TEL'),
    clientNumber: text(row, 'N° CLIENT'),
    address: text(row, 'ADRESSE'),
    usage: text(row, 'USAGE'),
    customerName: text(row, 'CLIENT'),
    agencyName: text(row, 'AGENCE'),
  }
}

function toAccount(row: Row): PostpaidAccount {
  const partner = text(row, 'N PARTENAIRE')
  return {
    number: withoutZeros(text(row, 'COMPTE CONTRAT') ?? ''),
    phone: phone(row, 'TELEPHONE'),
    partnerNumber: partner && withoutZeros(partner),
    address: text(row, 'ADRESSE'),
    tariff: text(row, 'TARIF'),
    customerName: text(row, 'CLIENT'),
    agencyName: text(row, 'AGENCE'),
  }
}

function toTopUp(row: Row): TopUp {
  const steps = [1, 2, 3].flatMap(n => toStep(row, n))
  const amount = firstNumber(row, 'MONTANT_RECU', 'MONTANT_TTC')
  const taxes = firstNumber(row, 'MONTANT_TVA') + firstNumber(row, 'MONTANT_TCO')
  const debt = firstNumber(row, 'DETTES')
  const energy = number(row, 'MONTANT_HT') ?? steps.reduce((sum, step) => sum + step.amountXof, 0)
  return {
    id: text(row, 'NUMERO_COMMANDE') ?? '',
    meterNumber: text(row, 'NUMERO_COMPTEUR') ?? '',
    poc: text(row, 'POLICE') ?? '',
    at: date(row, 'DATE_TRANSACTION') ?? new Date(0),
    amountXof: wholeXof(amount),
    energyKwh: roundKwh(firstNumber(row, 'ENERGIE_VENDUE')),
    taxesXof: wholeXof(taxes),
    feesXof: Math.max(0, wholeXof(amount - energy - taxes - debt)),
    debtXof: wholeXof(debt),
    remainingDebtXof: wholeXof(firstNumber(row, 'SOLDE_DETTE')),
    operator: text(row, 'NOM_OPERATEUR'),
    tariff: text(row, 'TARIF_USAGE'),
    steps,
    tokens: tokens(row, 'TOKEN'),
  }
}

const tranchesOf = (row: Row): number[] => [1, 2, 3].filter(n => firstNumber(row, `ENERGIE${n}`) > 0)

function toStep(row: Row, n: number): ConsumptionStep[] {
  const energyKwh = firstNumber(row, `ENERGIE${n}`)
  if (energyKwh <= 0) return []
  return [
    {
      energyKwh: roundKwh(energyKwh),
      priceXof: firstNumber(row, `PRIX${n}`),
      amountXof: wholeXof(firstNumber(row, `MONTANT${n}`)),
    },
  ]
}

/** A row of a query by month, its columns named ANNEE, MOIS, ENERGIE and MONTANT. */
export function toMonthTotal(row: Row): MonthTotal {
  return {
    month: month(firstNumber(row, 'ANNEE'), firstNumber(row, 'MOIS')),
    energyKwh: roundKwh(firstNumber(row, 'ENERGIE')),
    amountXof: wholeXof(firstNumber(row, 'MONTANT')),
  }
}
