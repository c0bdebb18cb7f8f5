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
  /** Answers for a second of the server’s processor time: other work on the machine hardly shows in it. */
  const flood = (server: Server) => async () => {
    const before = await server.cpu()
    const { answered } = await lab.load({
      kind: 'flood',
      port: server.port,
      connections: CONNECTIONS,
      seconds: SECONDS,
      requests: [request],
    })
    return (answered * 1_000) / ((await server.cpu()) - before)
  }
  const on = flood(await lab.server(database))
  const off = flood(await lab.server(database, { observed: false }))
  const traced = flood(await lab.server(database, { traced: true }))
  for (const warm of [on, off, traced, on, off, traced]) await warm()
  const rates = await alternate(ROUNDS, { on, off, traced })
  return [
    {
      what: 'list from the cache, with metrics and log',
      ours: perSecond(median(rates.on)),
      against: `${perSecond(median(rates.off))} without`,
      figure: medianRatio(rates.on, rates.off),
      floor: { least: FLOOR },
      note: 'for a second of processor time',
    },
    {
      what: 'the same, with traces of which 1 % are kept',
      ours: perSecond(median(rates.traced)),
      against: `${perSecond(median(rates.on))} without traces`,
      figure: medianRatio(rates.traced, rates.on),
      floor: { least: TRACED_FLOOR },
      note: 'for a second of processor time',
    },
  ]
}
