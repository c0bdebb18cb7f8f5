import { seed } from '../../src/roles/seed.ts'
import { WORDS } from '../lib/broadcasts.ts'
import type { Child } from '../lib/child.ts'
import type { Lab } from '../lib/lab.ts'
import { residentMemory } from '../lib/memory.ts'
import { type Production, startProduction } from '../lib/production.ts'
import type { Row } from '../lib/table.ts'
import type { HeardTimes } from '../processes/sockets.ts'

const SOCKETS = 10_000
const BROADCASTS = 5
const NOTIFICATIONS = 300
/** One broadcast is over, its 10,000 pushes too, before the next. */
const BETWEEN_MS = 6_000
const APART_MS = 20
const SETTLE_MS = 15_000
const WARM_UP = 1_000
const OPEN_MS = 150_000
const HEARD_MS = 15_000
const WRITTEN = 'samaconso_realtime_messages_written_total'

/** Ten thousand open WebSockets: how soon they hear, and what they cost while they hear nothing. */
export async function sockets(lab: Lab): Promise<Row[]> {
  const production = await startProduction(lab, 'sockets', {
    // One call is the whole of it.
    env: { BROADCAST_APPROVAL_ABOVE: '100000000', BROADCAST_RAMP_SECONDS: '0' },
  })
  const { customers, tokens, staff } = await people(production)
  const apps = await lab.child<object>('sockets.ts')
  const idle = await idleMemory(production, apps, tokens)
  const half = tokens.length / 2
  const [first, second] = production.apis
  await open(apps, first, tokens.slice(0, half))
  await open(apps, second, tokens.slice(half))

  const before = await production.metric(WRITTEN)
  const everybody = await broadcasts(production, apps, staff)
  const written = (await production.metric(WRITTEN)) - before
  const each = await notifications(production, apps, staff, customers)
  const lost = await apps.ask<number>({ kind: 'lost' })
  return [
    heardRow('sockets: p99 of a broadcast to 10,000 on two instances, ms', everybody, BROADCASTS * SOCKETS),
    heardRow('sockets: p99 of notifications to some of them, ms', each, NOTIFICATIONS),
    {
      what: 'sockets: times that an instance puts one broadcast into words',
      ours: `${written} times`,
      against: `${BROADCASTS} broadcasts on two instances, ${SOCKETS.toLocaleString('en')} sockets`,
      figure: written / (BROADCASTS * 2),
      floor: { most: 1 },
      note: `${lost} sockets lost`,
    },
    {
      what: 'sockets: memory of an idle one, KB',
      ours: `${idle.kilobytes.toFixed(1)} KB`,
      against: `${idle.before} MB without, ${idle.after} MB with ${SOCKETS.toLocaleString('en')} on one instance`,
      figure: idle.kilobytes,
      floor: { most: 20 },
      note: `resident memory ${SETTLE_MS / 1_000} s after the last one, after ${WARM_UP} had come and gone; no collection forced`,
    },
  ]
}

function heardRow(what: string, times: HeardTimes, expected: number): Row {
  return {
    what,
    ours: `${times.p99.toFixed(0)} ms`,
    against: `from the answer to the call; ${times.heard} of ${expected} heard`,
    figure: times.heard === expected ? times.p99 : null,
    floor: { most: 300 },
    note: `median ${times.p50.toFixed(0)} ms, longest ${times.max.toFixed(0)} ms`,
  }
}

/** Customers with a token each, and one of an administrator. */
async function people({ db, token }: Production) {
  await seed(db, SOCKETS, 'none')
  const rows = await db.query<{ id: string }>(
    "select id from accounts where phone like '+22177%' and role = 'customer' order by id limit $1",
    [SOCKETS],
  )
  const [admin] = await db.query<{ id: string }>("select id from accounts where login = 'admin'")
  if (rows.length !== SOCKETS || !admin) throw new Error(`${rows.length} customers of ${SOCKETS}`)
  const tokens: string[] = []
  for (const { id } of rows) tokens.push(await token(id))
  return { customers: rows.map(({ id }) => id), tokens, staff: await token(admin.id, 'admin') }
}

async function open(apps: Child<object>, port: number, tokens: string[]): Promise<void> {
  await apps.ask({ kind: 'open', port, tokens }, OPEN_MS)
}

const pause = (ms: number) => new Promise(done => setTimeout(done, ms))

async function idleMemory({ apis, pids }: Production, apps: Child<object>, tokens: string[]) {
  const { api_1: pid = 0 } = pids()
  await open(apps, apis[0], tokens.slice(0, WARM_UP))
  await apps.ask({ kind: 'close' })
  await pause(SETTLE_MS)
  const before = await residentMemory(pid)
  await open(apps, apis[0], tokens)
  await pause(SETTLE_MS)
  const after = await residentMemory(pid)
  await apps.ask({ kind: 'close' })
  return { before, after, kilobytes: ((after - before) * 1_024) / tokens.length }
}

/** As the process of the sockets tells the time. */
const moment = () => performance.timeOrigin + performance.now()

async function broadcasts({ call }: Production, apps: Child<object>, staff: string): Promise<HeardTimes> {
  const since: [string, number][] = []
  for (let round = 0; round < BROADCASTS; round++) {
    const { id } = await call<{ id: string }>('POST', '/v1/admin/broadcasts', staff, {
      audience: { kind: 'everyone' },
      content: WORDS,
    })
    since.push([id, moment()])
    await pause(BETWEEN_MS)
  }
  return apps.ask<HeardTimes>({ kind: 'heard', since, each: SOCKETS, withinMs: HEARD_MS })
}

async function notifications(
  { call }: Production,
  apps: Child<object>,
  staff: string,
  customers: string[],
): Promise<HeardTimes> {
  const since: [string, number][] = []
  for (let n = 0; n < NOTIFICATIONS; n++) {
    const customerId = customers[Math.floor((n * customers.length) / NOTIFICATIONS)]
    const { id } = await call<{ id: string }>('POST', '/v1/admin/notifications', staff, {
      customerId,
      content: WORDS,
    })
    since.push([id, moment()])
    await pause(APART_MS)
  }
  return apps.ask<HeardTimes>({ kind: 'heard', since, each: 1, withinMs: HEARD_MS })
}
