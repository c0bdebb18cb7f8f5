import type { Database } from '../../src/db/index.ts'
import { openConnection, requestBytes } from '../lib/connection.ts'
import { addBroadcasts, fillInboxes, someCustomers } from '../lib/inboxes.ts'
import type { Lab, Seeded } from '../lib/lab.ts'
import { alternate, median, medianRatio } from '../lib/rounds.ts'
import { perSecond, type Row } from '../lib/table.ts'

const FEW = 1_000
const MANY = 1_000_000
const READERS = 100
const ROUNDS = 5
const SECONDS = 2

/** The same reading at a thousand and at a million customers, on the first page and on the thousandth: it costs the same. */
export async function customers(lab: Lab): Promise<Row[]> {
  const million = await lab.database('many', MANY)
  const few = await readers(lab, await lab.database('few', FEW))
  const many = await readers(lab, million)
  const sizes = await compare(lab, few, many)
  const pages = await compare(lab, ...(await deepInbox(lab, million.db, many.port)))
  return [
    {
      what: 'seed of 1,000,000 customers',
      ours: `${million.seconds.toFixed(0)} s`,
      against: '',
      figure: million.seconds,
      floor: { most: 180 },
    },
    {
      what: 'list, database: 1,000 customers / 1,000,000',
      ours: perSecond(sizes.second),
      against: `${perSecond(sizes.first)} at 1,000`,
      figure: sizes.ratio,
      floor: { most: 1.2 },
    },
    {
      what: 'list, database: first page / thousandth of 25,000',
      ours: perSecond(pages.second),
      against: `${perSecond(pages.first)} first page`,
      figure: pages.ratio,
      floor: { most: 1.2 },
    },
  ]
}

/** A statement that may take longer than the product's own. */
const patiently = (db: Database, sql: string) =>
  db.tx(async tx => {
    await tx.query("set local statement_timeout = '2min'")
    await tx.query(sql)
  })

interface Contender {
  port: number
  requests: string[]
}

/** Readers with 200 notifications each; everybody else has one, so that the table grows with the customers. */
async function readers(lab: Lab, database: Seeded): Promise<Contender> {
  const { db } = database
  await patiently(
    db,
    `insert into notifications (id, customer_id, type, priority, title, body, created_at, expires_at)
     select gen_random_uuid(), id, 'welcome', 'low', 'Bienvenue', 'Votre compte est ouvert.', now(), now() + interval '1 day'
     from accounts where role = 'customer'`,
  )
  const ids = await someCustomers(db, READERS)
  await fillInboxes(db, ids, 200)
  await addBroadcasts(db, 30)
  await db.query('analyze notifications, broadcasts, broadcast_targets')
  const { port } = await lab.server(database, { cache: false })
  return { port, requests: await Promise.all(ids.map(async id => firstPage(await lab.token(id)))) }
}

const firstPage = (token: string): string => requestBytes('GET', '/v1/notifications?limit=20', { token })

async function deepInbox(lab: Lab, db: Database, port: number): Promise<[Contender, Contender]> {
  const [row] = await db.query<{ id: string }>(
    `update accounts set created_at = now() - interval '90 days' where phone = '+221770777777' returning id`,
  )
  const id = row?.id ?? ''
  await fillInboxes(db, [id], 25_000)
  await db.query('analyze notifications')
  const token = await lab.token(id)
  const cursor = await cursorOfPage(port, token, 1_000)
  const thousandth = requestBytes('GET', `/v1/notifications?limit=20&cursor=${cursor}`, { token })
  return [
    { port, requests: [firstPage(token)] },
    { port, requests: [thousandth] },
  ]
}

/** Walks there as a client would, page by page. */
async function cursorOfPage(port: number, token: string, page: number): Promise<string> {
  const connection = await openConnection(port)
  let cursor = ''
  for (let walked = 1; walked < page; walked++) {
    const path = `/v1/notifications?limit=20${cursor && `&cursor=${cursor}`}`
    const body = await new Promise<string>((done, fail) =>
      connection.send(requestBytes('GET', path, { token }), (status, bytes) =>
        status === 200 ? done(bytes.toString()) : fail(new Error(`page ${walked}: ${status}`)),
      ),
    )
    cursor = encodeURIComponent(JSON.parse(body).nextCursor)
  }
  connection.close()
  return cursor
}

async function compare(lab: Lab, first: Contender, second: Contender) {
  const run =
    ({ port, requests }: Contender, seconds = SECONDS) =>
    async () => {
      const measured = await lab.load({ kind: 'flood', port, connections: 64, seconds, requests })
      return measured.perSecond
    }
  await run(first, 1)()
  await run(second, 1)()
  const rates = await alternate(ROUNDS, { first: run(first), second: run(second) })
  return {
    first: median(rates.first),
    second: median(rates.second),
    ratio: medianRatio(rates.first, rates.second),
  }
}
