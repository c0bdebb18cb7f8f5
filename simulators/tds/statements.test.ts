import { expect, test } from 'vitest'
import { createFixedWorld } from './fixed-world.ts'
import { postpaidAnswer } from './postpaid.ts'
import { sicAnswer } from './sic.ts'

const sic = sicAnswer(createFixedWorld())
const postpaid = postpaidAnswer(createFixedWorld())
const ask = (answer: typeof sic, sql: string, params = {}) => answer({ sql, params, database: 'SIC' })

test('a statement is known by its shape, however it is spaced and spelled', () => {
  const result = ask(
    sic,
    '  SELECT  poc,[n° compteur]\n FROM dbo.Hexing_Infos_Administratives_New WHERE [N° COMPTEUR] = @n;',
    { n: '14100000018' },
  )
  expect(result).toMatchObject({
    columns: [{ name: 'POC' }, { name: 'N° COMPTEUR' }],
    rows: [['P0000001', '14100000018']],
  })
})

test('a column that the table has not is refused, as SQL Server does', () => {
  expect(ask(sic, 'select SOLDE from HEXING_INFOS_ADMINISTRATIVES_NEW where [N° COMPTEUR] = @n')).toEqual({
    error: 207,
    message: "Invalid column name 'solde'.",
  })
})

test('another table, condition, order or grouping is not understood', () => {
  const period = 'NUMERO_COMPTEUR = @m and POLICE = @p and DATE_TRANSACTION >= @f and DATE_TRANSACTION < @t'
  const unknown = [
    'select 1',
    'delete from Historique where numCC = @n',
    'select POC from AUTRE where [N° COMPTEUR] = @n',
    'select POC from HEXING_INFOS_ADMINISTRATIVES_NEW where TEL = @n',
    `select TOKEN from HEXING_SENELECBILL_ALHDL2 where ${period}`,
    `select TOKEN from HEXING_SENELECBILL_ALHDL2 where ${period} order by DATE_TRANSACTION`,
    `select sum(MONTANT_HT) as x from HEXING_SENELECBILL_ALHDL2 where ${period} group by POLICE order by x`,
  ]
  for (const sql of unknown) expect(ask(sic, sql), sql).toBeNull()
  expect(ask(postpaid, 'select numFact from Historique where numCC in (@a, @b) order by numFact')).toBeNull()
})

test('an account is compared letter by letter, as the column holds it', () => {
  const sql = 'select [CLIENT] from compteurs_postpaid where [COMPTE CONTRAT] in (@a, @b)'
  const rowsFor = (a: string, b: string) => ask(sic, sql, { a, b })
  expect(rowsFor('1000000001', '001000000001')).toMatchObject({ rows: [['Awa Ndiaye']] })
  expect(rowsFor('1000000001', '01000000001')).toMatchObject({ rows: [] })
})
