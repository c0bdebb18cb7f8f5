import { seed } from '../../src/roles/seed.ts'
import { accounted, patience, type Sent, type Staff, sendToAll } from '../lib/broadcasts.ts'
import type { Child } from '../lib/child.ts'
import { requestBytes } from '../lib/connection.ts'
import type { Lab } from '../lib/lab.ts'
import { forgetPeak, peakMemory, processorTime } from '../lib/memory.ts'
import { type Production, startProduction } from '../lib/production.ts'
import type { Pushes, Sends } from '../lib/pushes.ts'
import { median } from '../lib/rounds.ts'
import { perSecond, type Row } from '../lib/table.ts'

/** For a look at something smaller. */
const DEVICES = Number(process.env.BENCH_DEVICES ?? 1_000_000)
/** Of the fifty agencies of the seed: a tenth of the devices goes through the proxy. */
const AGENCIES = [1, 2, 3, 4, 5].map(String)
const BARE_SENDS = 50_000
const PER_DEVICE_MS = 0.6
const AT_LEAST_MS = 60_000
/** What FCM's quota allows a project: 600,000 a minute. */
const QUOTA_PER_SECOND = 10_000
const UNLIMITED = '100000000'

/** A message to a million devices, on real servers and in processes of their own, and what it costs everybody else. */
export async function million(lab: Lab): Promise<Row[]> {
  const production = await startProduction(lab, 'million', {
    env: {
      // What the product can do, not what it allows itself out of manners towards FCM.
      BROADCAST_RAMP_SECONDS: '0',
      FCM_QUOTA_PER_MINUTE: UNLIMITED,
    },
  })
  const { staff, customer } = await people(production)
  const { outside } = production
  const account = { serviceAccountFile: outside.fcm.serviceAccountFile, sessions: 2, streams: 100 }

  const direct = await bareClient(lab, { ...account, caFile: outside.caFile })
  const everybody = await measure(production, direct, () => sending(production, staff, customer, lab))
  await direct.stop()

  await production.restart('worker', { FCM_PROXY_URL: outside.proxy.url, FCM_CA_FILE: outside.proxy.caFile })
  const proxied = await bareClient(lab, {
    ...account,
    caFile: outside.proxy.caFile,
    proxyUrl: outside.proxy.url,
  })
  const some = await measure(production, proxied, () =>
    sendToAll(production.call, staff, { kind: 'agencies', agencyIds: AGENCIES }, longest(), 1_000),
  )
  return [...rowsOf(everybody), against('million: a tenth of them through the intercepting proxy', some)]
}

const longest = () => AT_LEAST_MS + DEVICES * PER_DEVICE_MS

/** Seeds the devices; one of their owners, and two members of staff. */
async function people({ db, token }: Production): Promise<{ staff: Staff; customer: string }> {
  await seed(db, DEVICES, 'none')
  // The demo's own customers may have come without a device.
  await db.query(
    `insert into devices (id, customer_id, installation, platform, push_token)
     select gen_random_uuid(), (select id from accounts where phone = '+221770000100'), 'bench-' || n, 'android', 'sim-bench-' || n
     from generate_series(1, $1 - (select count(*)::int from devices where push_token is not null)) n`,
    [DEVICES],
  )
  // As autovacuum leaves them; it would come in the middle otherwise.
  for (const table of ['accounts', 'devices', 'meter_links']) await db.query(`vacuum analyze ${table}`)
  const [ids] = await db.query<{ customer: string; admin: string; other: string }>(
    `select (select id from accounts where phone = '+221770005000') customer,
       (select id from accounts where login = 'admin') admin, (select id from accounts where login = 'admin2') other`,
  )
  const as = (id = '', role: 'customer' | 'admin' = 'admin') => token(id, role)
  return {
    customer: await as(ids?.customer, 'customer'),
    staff: { author: await as(ids?.admin), approver: await as(ids?.other) },
  }
}

interface Told extends Sent {
  ledger: { received: number; distinct: number }
  /** MB at most, by process. */
  peaks: Record<string, number>
  others: Awaited<ReturnType<Lab['stopProbe']>>
}

async function sending(production: Production, staff: Staff, customer: string, lab: Lab): Promise<Told> {
  const { apis, pids, pushes, call } = production
  const before = await pushes()
  for (const pid of Object.values(pids())) await forgetPeak(pid)
  await lab.tell({
    kind: 'probe',
    port: apis[0],
    perSecond: 50,
    requests: [
      requestBytes('GET', '/v1/notifications?limit=20', { token: customer }),
      requestBytes('GET', '/v1/me', { token: customer }),
    ],
  })
  const sent = await sendToAll(call, staff, { kind: 'everyone' }, longest(), 1_000)
  const others = await lab.stopProbe()
  const after = await pushes()
  const peaks: Record<string, number> = {}
  for (const [name, pid] of Object.entries(pids())) peaks[name] = (await peakMemory(pid)) ?? 0
  return {
    ...sent,
    others,
    peaks,
    ledger: { received: after.received - before.received, distinct: after.distinct - before.distinct },
  }
}

interface Bare {
  /** Sends so many and says how fast it went. */
  run(): Promise<Sends>
  stop: Child<object>['stop']
}

async function bareClient(lab: Lab, data: Pushes): Promise<Bare> {
  const child = await lab.child<object>('bare-http2.ts', { data })
  return { run: () => child.ask<Sends>({ count: BARE_SENDS }, AT_LEAST_MS), stop: child.stop }
}

interface Compared<S> {
  sent: S
  /** Processor time of the worker for one push, µs. */
  cost: number
  bare: Sends
}

/**
 * The broadcast between runs of the bare client, which has the same company then: the same servers and processes, all of
 * them up, none of them pinned to a core. The first of its runs warms the simulator up.
 */
async function measure<S extends Sent>(
  { pids }: Production,
  bare: Bare,
  send: () => Promise<S>,
): Promise<Compared<S>> {
  await bare.run()
  const runs = [await bare.run(), await bare.run()]
  const { worker = 0 } = pids()
  const before = await processorTime(worker)
  const sent = await send()
  const cost = (((await processorTime(worker)) - before) * 1_000) / accounted(sent.counts)
  runs.push(await bare.run(), await bare.run())
  return {
    sent,
    cost,
    bare: { perSecond: median(runs.map(run => run.perSecond)), cost: median(runs.map(run => run.cost)) },
  }
}

function against(what: string, { sent, cost, bare }: Compared<Sent>): Row {
  const rate = accounted(sent.counts) / sent.seconds
  return {
    what,
    ours: perSecond(rate),
    against: `${perSecond(bare.perSecond)} bare http2, same bytes`,
    figure: rate / bare.perSecond,
    floor: { least: 0.7 },
    note: `${accounted(sent.counts)} in ${sent.seconds.toFixed(1)} s, FCM's quota and rise out of the way; processor: ${cost.toFixed(0)} µs each, bare ${bare.cost.toFixed(0)} µs`,
  }
}

function rowsOf(compared: Compared<Told>): Row[] {
  const { acceptedMs, seconds, ledger, peaks, counts, others } = compared.sent
  const most = Math.max(...Object.values(peaks))
  const once = Math.min(accounted(counts), ledger.distinct) - (ledger.received - ledger.distinct)
  return [
    {
      what: 'million: longest request until it is accepted, ms',
      ours: `${acceptedMs.toFixed(0)} ms`,
      against: '',
      figure: acceptedMs,
      floor: { most: 1_000 },
    },
    against('million: pushes by one worker process', compared),
    {
      what: 'million: from accepted to done',
      ours: `${seconds.toFixed(0)} s`,
      against: `${(DEVICES / QUOTA_PER_SECOND).toFixed(0)} s that FCM's quota allows`,
      figure: null,
    },
    {
      what: 'million: most memory of any process of ours, MB',
      ours: `${most} MB`,
      against: '',
      figure: most,
      floor: { most: 300 },
      note: Object.entries(peaks)
        .map(([name, mb]) => `${name} ${mb}`)
        .join(', '),
    },
    patience('million', others),
    {
      what: 'million: devices that got it once, of those in the report',
      ours: `${accounted(counts)} accounted for, ${counts.sent ?? 0} sent`,
      against: `${ledger.distinct} distinct devices in the ledger`,
      figure: once / DEVICES,
      floor: { least: 1 },
      note: `${ledger.received - ledger.distinct} sent twice`,
    },
  ]
}
