import { setTimeout as after } from 'node:timers/promises'
import { requestBytes } from '../lib/connection.ts'
import { fillInboxes, someCustomers } from '../lib/inboxes.ts'
import type { Lab, Product } from '../lib/lab.ts'
import { alternate, median, medianRatio } from '../lib/rounds.ts'
import { perSecond, type Row } from '../lib/table.ts'

const CONNECTIONS = 64
/** Many and short: the machine's own speed changes from one second to the next. */
const ROUNDS = 45
const SECONDS = 0.4
const TRACED_ROUNDS = 25
const TRACED_SECONDS = 0.8
/** What a round has kept is exported by then, at its expense. */
const EXPORTED_MS = 2_200
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
 * Two processes of one program differ by more than traces cost, so they are turned on and off in one; and by the
 * processor's time, which has in it what is exported after the last answer.
 */
async function tracedAndNot(server: Product, flood: Flood): Promise<Row> {
  const costOf = (traces: boolean) => async () => {
    await server.trace(traces)
    const before = await server.cpu()
    const { answered } = await flood(server, TRACED_SECONDS)
    await after(EXPORTED_MS)
    return (((await server.cpu()) - before) * 1_000) / answered
  }
  const contenders = { traced: costOf(true), untraced: costOf(false) }
  await alternate(3, contenders)
  const costs = await alternate(TRACED_ROUNDS, contenders)
  const each = (µs: number[]) => `${median(µs).toFixed(1)} µs each`
  return {
    what: 'the same, with traces of which 1 % are kept',
    ours: each(costs.traced),
    against: `${each(costs.untraced)} without traces`,
    figure: medianRatio(costs.untraced, costs.traced),
    floor: { least: TRACED_FLOOR },
    note: 'processor, of one process in turn',
  }
}
