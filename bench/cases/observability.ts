import { requestBytes } from '../lib/connection.ts'
import { fillInboxes, someCustomers } from '../lib/inboxes.ts'
import type { Lab, Server } from '../lib/lab.ts'
import { alternate, median, medianRatio } from '../lib/rounds.ts'
import { perSecond, type Row } from '../lib/table.ts'

const CONNECTIONS = 64
const ROUNDS = 13
const SECONDS = 1
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
  const costs = new Map<Server, number[]>()
  const flood = (server: Server) => async () => {
    const before = await server.cpu()
    const measured = await lab.load({
      kind: 'flood',
      port: server.port,
      connections: CONNECTIONS,
      seconds: SECONDS,
      requests: [request],
    })
    const cost = (((await server.cpu()) - before) * 1_000) / measured.answered
    costs.set(server, [...(costs.get(server) ?? []), cost])
    return measured.perSecond
  }
  const servers = {
    on: await lab.server(database),
    off: await lab.server(database, { observed: false }),
    traced: await lab.server(database, { traced: true }),
  }
  const contenders = { on: flood(servers.on), off: flood(servers.off), traced: flood(servers.traced) }
  for (let n = 0; n < 2; n++) for (const warm of Object.values(contenders)) await warm()
  costs.clear()
  const rates = await alternate(ROUNDS, contenders)
  const cost = (server: Server) => `${median(costs.get(server) ?? []).toFixed(1)} µs`
  return [
    {
      what: 'list from the cache, with metrics and log',
      ours: perSecond(median(rates.on)),
      against: `${perSecond(median(rates.off))} without`,
      figure: medianRatio(rates.on, rates.off),
      floor: { least: FLOOR },
      note: `processor: ${cost(servers.on)} each, without ${cost(servers.off)}`,
    },
    {
      what: 'the same, with traces of which 1 % are kept',
      ours: perSecond(median(rates.traced)),
      against: `${perSecond(median(rates.on))} without traces`,
      figure: medianRatio(rates.traced, rates.on),
      floor: { least: TRACED_FLOOR },
      note: `processor: ${cost(servers.traced)} each, without ${cost(servers.on)}`,
    },
  ]
}
