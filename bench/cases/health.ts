import { againstPeer } from '../lib/against-peer.ts'
import { requestBytes } from '../lib/connection.ts'
import type { Lab } from '../lib/lab.ts'
import type { Row } from '../lib/table.ts'

/** What a balancer asks all day, against the least that Node can do. */
export async function health(lab: Lab): Promise<Row[]> {
  const server = await lab.server(await lab.database('health', 1_000))
  return againstPeer(lab, [
    { what: 'GET /health', server, request: requestBytes('GET', '/health'), floor: 0.75 },
  ])
}
