import type { Database } from '../../src/db/index.ts'
import { againstPeer } from '../lib/against-peer.ts'
import { requestBytes } from '../lib/connection.ts'
import { addBroadcasts, fillInboxes, someCustomers } from '../lib/inboxes.ts'
import type { Lab } from '../lib/lab.ts'
import type { Row } from '../lib/table.ts'

const READINGS = 50

/** The first page of an inbox of 200, from the database and from the cache; and that the cache never hides what is new. */
export async function list(lab: Lab): Promise<Row[]> {
  const database = await lab.database('list', 1_000)
  const { db } = database
  const [customer = ''] = await someCustomers(db, 1)
  await fillInboxes(db, [customer], 200)
  await addBroadcasts(db, 10)
  const cached = await lab.server(database)
  const uncached = await lab.server(database, { cache: false })
  const request = requestBytes('GET', '/v1/notifications?limit=20', { token: await lab.token(customer) })
  const rows = await againstPeer(lab, [
    { what: 'list of notifications, from the database', server: uncached, request, floor: 0.25 },
    { what: 'list of notifications, from the cache', server: cached, request, floor: 0.65 },
  ])
  return [...rows, await freshness(lab, db, cached.port, customer)]
}

/** Accepts notifications one after the other and reads the list after each. */
async function freshness(lab: Lab, db: Database, port: number, customer: string): Promise<Row> {
  const api = `http://127.0.0.1:${port}/v1`
  const [admin] = await db.query<{ id: string }>("select id from accounts where role = 'admin' limit 1")
  const staff = `Bearer ${await lab.token(admin?.id ?? '', 'admin')}`
  const reader = `Bearer ${await lab.token(customer)}`
  let shown = 0
  for (let i = 0; i < READINGS; i++) {
    const accepted = await fetch(`${api}/admin/notifications`, {
      method: 'POST',
      headers: { authorization: staff, 'content-type': 'application/json', 'idempotency-key': `bench-${i}` },
      body: JSON.stringify({
        customerId: customer,
        content: { fr: { title: `Essai ${i}`, body: 'Bonjour.' } },
      }),
    })
    const { id } = (await accepted.json()) as { id: string }
    if (accepted.status !== 202) throw new Error(`POST /v1/admin/notifications: ${accepted.status}`)
    const page = await fetch(`${api}/notifications?limit=20`, { headers: { authorization: reader } })
    const { items } = (await page.json()) as { items: { id: string }[] }
    if (items[0]?.id === id) shown++
  }
  return {
    what: 'accepted, then shown by the next reading',
    ours: `${shown}`,
    against: `${READINGS} accepted`,
    figure: shown / READINGS,
    floor: { least: 1 },
  }
}
