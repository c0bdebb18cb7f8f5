import { requestBytes } from '../lib/connection.ts'
import { fillInboxes, someCustomers } from '../lib/inboxes.ts'
import type { Lab, Product } from '../lib/lab.ts'
import { alternate, median, medianRatio } from '../lib/rounds.ts'
import { perSecond, type Row } from '../lib/table.ts'

const CONNECTIONS = 64
/** Many and short: the machine's own speed changes from one second to the next. */
const ROUNDS = 45
const SECONDS = 0.4
const WARM_SECONDS = 8
const TRACED_SECONDS = 90
/** At most 8 % of the throughput. */
const FLOOR = 0.92
/** At most 3 % more. */
const TRACED_FLOOR = 0.97

/** What metrics, the log and traces cost, where it shows most: on the shortest answer that a customer gets. */
export async function observability(lab: Lab): Promise<Row[]> {
  const database = await lab.database('observability', 1_000)
  const [customer = ''] = await someCustomers(database.db, 1)
  await fillInboxes(database.db, [customer], 200)
  const token = await lab.token(customer)
  const request = requestBytes('GET', '/v1/notifications?limit=20', { token })
  const flood = ({ port }: Product, seconds: number) =>
    lab.load({ kind: 'flood', port, connections: CONNECTIONS, seconds, requests: [request] })
  return [
    await withAndWithout(await lab.server(database), await lab.server(database, { observed: false }), flood),
    await tracedAndNot(await lab.server(database, { traced: true }), flood),
  ]
}

type Flood = (server: Product, seconds: number) => ReturnType<Lab['load']>

async function withAndWithout(on: Product, off: Product, flood: Flood): Promise<Row> {
  const rateOf = (server: Product) => async () => (await flood(server, SECONDS)).perSecond
  const contenders = { on: rateOf(on), off: rateOf(off) }
  await alternate(3, contenders)
  const rates = await alternate(ROUNDS, contenders)
  return {
    what: 'list from the cache, with metrics and log',
    ours: perSecond(median(rates.on)),
    against: `${perSecond(median(rates.off))} without`,
    figure: medianRatio(rates.on, rates.off),
    floor: { least: FLOOR },
  }
}

/**
 * Two processes of one program differ by more than traces cost, and so do two seconds of this machine: one process turns
 * them on and off seven times a second, under one load. What exporting takes is measured by itself and counts as well.
 */
async function tracedAndNot(server: Product, flood: Flood): Promise<Row> {
  await flood(server, WARM_SECONDS)
  const under = flood(server, TRACED_SECONDS + 1)
  const { traced, untraced, exporting } = await server.turns(TRACED_SECONDS)
  await under
  return {
    what: 'the same, with traces of which 1 % are kept',
    ours: perSecond(traced * (1 - exporting)),
    against: `${perSecond(untraced)} without traces`,
    figure: (traced * (1 - exporting)) / untraced,
    floor: { least: TRACED_FLOOR },
    note: `by one process, in turns of 60 ms; ${(exporting * 100).toFixed(2)} % of it for exporting`,
  }
}
