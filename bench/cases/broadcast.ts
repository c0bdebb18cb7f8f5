import { join } from 'node:path'
import { openDatabase } from '../../src/db/index.ts'
import { openAccessTokens } from '../../src/http/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { newId } from '../../src/lib/id.ts'
import { seed } from '../../src/roles/seed.ts'
import { accounted, patience, sendToAll } from '../lib/broadcasts.ts'
import { requestBytes } from '../lib/connection.ts'
import type { Lab } from '../lib/lab.ts'
import { forgetPeak, peakMemory } from '../lib/memory.ts'
import { type Product, startProduct } from '../lib/product.ts'
import type { Pushes, Sends } from '../lib/pushes.ts'
import { perSecond, type Row } from '../lib/table.ts'

const DEVICES = 100_000
const BARE_SENDS = 50_000
const LONGEST_MS = 150_000

/** A message to a hundred thousand devices by the whole product, and what another customer feels meanwhile. */
export async function broadcast(lab: Lab): Promise<Row[]> {
  const product = await startProduct(join(lab.folder, 'product'))
  lab.onEnd(product.stop)
  const { customer, staff } = await people(product)
  const before = await product.pushes()
  await forgetPeak(product.pid)
  await lab.tell({
    kind: 'probe',
    port: product.port,
    perSecond: 50,
    requests: [
      requestBytes('GET', '/v1/notifications?limit=20', { token: customer }),
      requestBytes('GET', '/v1/me', { token: customer }),
    ],
  })
  const { seconds, counts } = await sendToAll(product.call, staff, { kind: 'everyone' }, LONGEST_MS)
  const others = await lab.stopProbe()
  const peak = await peakMemory(product.pid)
  const ledger = await product.pushes()
  const rate = (counts.devices ?? 0) / seconds
  const sender = await lab.child('bare-http2.ts', { data: bareSender(product) })
  const bare = await sender.ask<Sends>({ count: BARE_SENDS })
  return [
    ...speed(rate, bare, seconds, peak),
    {
      what: 'broadcast: accounted for in the report',
      ours: `${accounted(counts)}`,
      against: `${ledger.distinct - before.distinct} distinct devices in the ledger`,
      figure: Math.min(accounted(counts), ledger.distinct - before.distinct) / DEVICES,
      floor: { least: 1 },
      note: `${ledger.received - ledger.distinct} sent twice`,
    },
    patience('broadcast', others),
  ]
}

const bareSender = ({ serviceAccountFile, caFile }: Product): Pushes => ({
  serviceAccountFile,
  caFile,
  sessions: 2,
  streams: 100,
})

function speed(rate: number, bare: Sends, seconds: number, peak: number | null): Row[] {
  return [
    {
      what: 'broadcast to 100,000 devices',
      ours: perSecond(rate),
      against: `${perSecond(bare.perSecond)} bare http2, same bytes`,
      figure: rate / bare.perSecond,
      note: `${seconds.toFixed(1)} s from accepted to done`,
    },
    {
      what: 'broadcast: peak memory of the main process',
      ours: peak === null ? 'unknown' : `${peak} MB`,
      against: '',
      figure: null,
    },
  ]
}

/** Seeds the devices; one of their owners, and a member of staff with another who approves. */
async function people(product: Product) {
  const tokens = await openAccessTokens(product.tokenKey, systemClock)
  const db = openDatabase({ url: product.databaseUrl, pool: 4, statementTimeout: 60_000 })
  try {
    await seed(db, DEVICES, 'none')
    // The demo's own customers may have come without a device.
    await db.query(
      `insert into devices (id, customer_id, installation, platform, push_token)
       select gen_random_uuid(), (select id from accounts where phone = '+221770000100'), 'bench-' || n, 'android', 'sim-bench-' || n
       from generate_series(1, $1 - (select count(*)::int from devices where push_token is not null)) n`,
      [DEVICES],
    )
    const [ids] = await db.query<{ customer: string; admin: string; other: string }>(
      `select (select id from accounts where phone = '+221770050000') customer,
         (select id from accounts where login = 'admin') admin, (select id from accounts where login = 'admin2') other`,
    )
    const token = (id = '', role: 'customer' | 'admin' = 'admin') =>
      tokens.issue({ id, role, agencyId: null, sessionId: newId() })
    return {
      customer: await token(ids?.customer, 'customer'),
      staff: { author: await token(ids?.admin), approver: await token(ids?.other) },
    }
  } finally {
    await db.close()
  }
}
