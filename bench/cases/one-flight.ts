import { seed } from '../../src/roles/seed.ts'
import { requestBytes } from '../lib/connection.ts'
import type { Lab } from '../lib/lab.ts'
import { type Production, startProduction } from '../lib/production.ts'
import type { Row } from '../lib/table.ts'
import type { Burst } from '../processes/burst.ts'

const READERS = 10_000
const CUSTOMERS = 100
const ROUNDS = 3
/** An answer with changes to look out for lives two seconds in Redis, and one reader renews it in the last fifth of them. */
const RENEWED_AFTER_MS = 1_600
/** Beyond that time. */
const APART_MS = 3_500
const BURST_MS = 60_000

/** What ten thousand who ask at once for what is not in the cache cost the database: one reading for each instance. */
export async function oneFlight(lab: Lab): Promise<Row[]> {
  const production = await startProduction(lab, 'one-flight', {
    postgres: { shared_preload_libraries: 'pg_stat_statements' },
  })
  const { db, apis, token } = production
  await seed(db, CUSTOMERS, 'none')
  await db.query('create extension if not exists pg_stat_statements')
  const [reader] = await db.query<{ id: string }>("select id from accounts where phone = '+221770000050'")
  const request = requestBytes('GET', '/v1/notifications?limit=20', { token: await token(reader?.id ?? '') })

  const crowds = await Promise.all(
    apis.map(port => lab.child<object>('burst.ts', { data: { port, request, connections: READERS / 2 } })),
  )
  const readings: number[] = []
  const shares: number[] = []
  let slowest = 0
  for (let round = 0; round < ROUNDS; round++) {
    await new Promise(done => setTimeout(done, APART_MS))
    await db.query('select pg_stat_statements_reset()')
    const bursts = await Promise.all(crowds.map(crowd => crowd.ask<Burst>({ kind: 'burst' }, BURST_MS)))
    const failed = bursts.reduce((sum, burst) => sum + burst.failed, 0)
    if (failed > 0) throw new Error(`${failed} of ${READERS} were not answered`)
    const ms = Math.max(...bursts.map(burst => burst.ms))
    slowest = Math.max(slowest, ms)
    const read = await readingsOfPages(production)
    readings.push(read)
    // On a machine that takes longer than an answer lives it is renewed meanwhile, by one reader of each instance again.
    shares.push(read / (apis.length * Math.ceil(ms / RENEWED_AFTER_MS)))
  }
  return [
    {
      what: 'one flight: readings by an instance of what 10,000 ask for at once',
      ours: `${readings.join(', ')} statements`,
      against: `${ROUNDS} rounds, half of the readers at each of two instances on one Redis`,
      // None at all would mean that they found it in the cache.
      figure: Math.min(...readings) === 0 ? null : Math.max(...shares),
      floor: { most: 1 },
      note: `counted by PostgreSQL, for each ${RENEWED_AFTER_MS / 1_000} s begun; all answered in ${slowest.toFixed(0)} ms at most`,
    },
  ]
}

/** Statements since the last reset that read a page of notifications. */
async function readingsOfPages({ db }: Production): Promise<number> {
  const [row] = await db.query<{ calls: number }>(
    `select coalesce(sum(calls), 0)::int calls from pg_stat_statements
     where query like 'copy (select inbox_lines(%'`,
  )
  return row?.calls ?? 0
}
