import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { loadOrCreateAuthority } from './authority.ts'
import {
  type Controlled,
  controlRoutes,
  createEventHub,
  type SqlSystem,
  showPush,
  showTopUp,
  startControl,
  stateOf,
} from './control/index.ts'
import { type Fcm, startFcm } from './fcm/index.ts'
import { loadKept, saveKept, startAtKeptPort } from './kept.ts'
import { type CompanyProxy, startProxy } from './proxy/index.ts'
import { type SmsGateway, startSmsGateway } from './sms/index.ts'
import { type Behaviour, startPostpaid, startSic } from './tds/index.ts'
import { createWorld, everyday, type World } from './world/index.ts'

export interface SqlAddress {
  host: string
  port: number
  user: string
  password: string
  database: string
}

/** Where the simulated world listens; everything that speaks TLS has a certificate of the authority in `caFile`. */
export interface Addresses {
  control: string
  caFile: string
  sic: SqlAddress
  postpaid: SqlAddress
  fcm: { baseUrl: string; serviceAccountFile: string }
  sms: { url: string }
  /** The way to FCM through a company's proxy; `caFile` is of the authority by which it reads what passes. */
  proxy: { url: string; caFile: string }
}

export interface SimulatorsOptions {
  /** Where the authority, the ledger, the purchases and the ports are kept. */
  dataDir: string
  /** 0 picks a free one. */
  controlPort: number
  /** Whether customers buy at their own pace: a purchase a minute, a thousand at most. */
  everyday?: boolean
  /** Names and addresses that certificates carry beside 127.0.0.1 and localhost: others reach it through a network. */
  names?: readonly string[]
  /** Told of what goes wrong later on, and is nobody's answer. */
  onTrouble: (error: Error) => void
}

export interface Simulators {
  addresses: Addresses
  world: World
  fcm: Fcm
  sms: SmsGateway
  proxy: CompanyProxy
  close(): Promise<void>
}

/** Strangers to the demo: what its own customers buy is bought by hand, and told to them. */
const EVERYDAY = { perMinute: 1, stopAfter: 1_000, first: 2_000_001, among: 1_000, random: Math.random }

/** Starts the whole outside world on 127.0.0.1. Rejects, with nothing left running, when a part cannot start. */
export async function startSimulators(options: SimulatorsOptions): Promise<Simulators> {
  const closers: (() => unknown)[] = []
  const close = async () => {
    for (const stop of closers.splice(0).reverse()) await stop()
  }
  try {
    return { ...(await startAll(options, closers)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function startAll(
  { dataDir, controlPort, ...options }: SimulatorsOptions,
  closers: (() => unknown)[],
): Promise<Omit<Simulators, 'close'>> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const kept = loadKept(dataDir, Date.now)
  const authority = await loadOrCreateAuthority(dataDir)
  const tls = await authority.issue(options.names)
  const events = createEventHub(() => stateOf(parts))

  const computed = createWorld({ epoch: new Date(kept.epoch), storeFile: join(dataDir, 'purchases.jsonl') })
  closers.push(computed.close)
  const world: World = {
    ...computed,
    buy: purchase => {
      const row = computed.buy(purchase)
      events.publish('purchase', showTopUp(row))
      return row
    },
  }

  async function startDatabase(name: 'sic' | 'postpaid', start: typeof startSic) {
    const login = { user: 'samaconso', password: kept.sqlPassword, database: name.toUpperCase() }
    let behaviour: Behaviour = { mode: 'ok' }
    const server = await startAtKeptPort(kept, name, port =>
      start(world, { tls, ...login, port, behaviour: () => behaviour }),
    )
    const system: SqlSystem = {
      server,
      behaviour: () => behaviour,
      behave: next => {
        behaviour = next
      },
    }
    closers.push(server.close)
    return { system, address: { host: '127.0.0.1', port: server.port, ...login } }
  }

  const sic = await startDatabase('sic', startSic)
  const postpaid = await startDatabase('postpaid', startPostpaid)
  const fcm = await startAtKeptPort(kept, 'fcm', port =>
    startFcm({
      tls,
      dir: join(dataDir, 'fcm'),
      port,
      onPush: push => events.publishPush(push.token, () => showPush(push)),
    }),
  )
  closers.push(fcm.close)
  const sms = await startAtKeptPort(kept, 'sms', port =>
    startSmsGateway({ tls, port, onSms: message => events.publish('sms', message) }),
  )
  closers.push(sms.close)
  const proxyAuthority = await loadOrCreateAuthority(join(dataDir, 'proxy'), 'Simulated proxy authority')
  const proxy = await startAtKeptPort(kept, 'proxy', port =>
    startProxy({
      authority: proxyAuthority,
      upstreamCa: authority.caPem,
      allowed: [`127.0.0.1:${fcm.port}`, `localhost:${fcm.port}`],
      login: { user: 'samaconso', password: kept.proxyPassword },
      port,
    }),
  )
  closers.push(proxy.close)
  const parts: Controlled = {
    world,
    fcm,
    sms,
    proxy,
    databases: { sic: sic.system, postpaid: postpaid.system },
  }
  const control = await startControl({
    port: controlPort,
    routes: controlRoutes(parts),
    events,
    onTrouble: options.onTrouble,
  })
  closers.push(control.close)
  saveKept(dataDir, kept)

  if (options.everyday) {
    const life = everyday(world, EVERYDAY)
    life.done.catch(options.onTrouble)
    closers.push(life.stop)
  }
  return {
    world,
    fcm,
    sms,
    proxy,
    addresses: {
      control: control.url,
      caFile: authority.caFile,
      sic: sic.address,
      postpaid: postpaid.address,
      fcm: { baseUrl: fcm.baseUrl, serviceAccountFile: fcm.serviceAccountFile },
      sms: { url: sms.url },
      proxy: { url: proxy.url, caFile: proxyAuthority.caFile },
    },
  }
}
