import { parsePhone } from '../../src/lib/phone.ts'
import type { Fcm, ReceivedPush } from '../fcm/index.ts'
import type { CompanyProxy } from '../proxy/index.ts'
import type { SmsGateway } from '../sms/index.ts'
import type { Behaviour as SqlBehaviour, TdsServer } from '../tds/index.ts'
import type { TopUpRow, World } from '../world/index.ts'
import { readProxyBehaviour, readPushBehaviour, readSystemBehaviour, readTopUp } from './bodies.ts'
import { invalid } from './problems.ts'
import type { Routes } from './server.ts'

/** A database of the company, and how it is told to behave. */
export interface SqlSystem {
  server: TdsServer
  behaviour(): SqlBehaviour
  behave(behaviour: SqlBehaviour): void
}

export interface Controlled {
  world: World
  fcm: Fcm
  sms: SmsGateway
  proxy: CompanyProxy
  databases: Record<'sic' | 'postpaid', SqlSystem>
}

const SQL_MODES: readonly string[] = ['ok', 'slow', 'down', 'hang', 'error-mid-rows', 'stall-mid-rows']
const SMS_MODES: readonly string[] = ['ok', 'slow', 'down']

/** The commands of the simulated outside world. */
export function controlRoutes(parts: Controlled): Routes {
  const { world, fcm, sms, proxy } = parts
  return {
    '/sms': { GET: ({ query }) => ({ body: sms.messages(phoneIn(query)) }) },
    '/push': {
      GET: ({ query }) => ({ body: fcm.pushes(required(query, 'token')).map(showPush) }),
      DELETE: () => {
        fcm.forget()
        return { body: fcm.stats() }
      },
    },
    // GOAWAY on every connection, once, as Google's front ends do now and then.
    '/push/sessions': {
      DELETE: () => {
        fcm.goaway()
        return { body: fcm.stats() }
      },
    },
    '/push/stats': { GET: () => ({ body: fcm.stats() }) },
    '/push/behaviour': {
      GET: () => ({ body: fcm.behaviours() }),
      POST: ({ body }) => {
        fcm.behave(readPushBehaviour(body))
        return { body: fcm.behaviours() }
      },
    },
    '/sic/topups': {
      POST: ({ body }) => ({ status: 201, body: showTopUp(buy(world, readTopUp(body))) }),
    },
    '/backoffice/behaviour': {
      GET: () => ({ body: behavioursOf(parts) }),
      POST: ({ body }) => {
        setBehaviour(parts, readSystemBehaviour(body))
        return { body: behavioursOf(parts) }
      },
    },
    '/backoffice/stats': { GET: () => ({ body: statsOf(parts) }) },
    '/proxy/behaviour': {
      GET: () => ({ body: proxy.behaviour() }),
      POST: ({ body }) => {
        proxy.behave(readProxyBehaviour(body, proxy.behaviour()))
        return { body: proxy.behaviour() }
      },
    },
    '/proxy/stats': { GET: () => ({ body: proxy.stats() }) },
    // Cuts what is open, once: new tunnels go as the behaviour says.
    '/proxy/tunnels': {
      DELETE: () => {
        proxy.cut()
        return { body: proxy.stats() }
      },
    },
  }
}

/** What the page shows at a glance. */
export const stateOf = (parts: Controlled) => ({
  push: parts.fcm.stats(),
  fcm: parts.fcm.behaviours(),
  systems: behavioursOf(parts),
  proxy: parts.proxy.behaviour(),
})

export const showTopUp = (row: TopUpRow) => ({
  id: row.orderNumber,
  meter: row.meterNumber,
  at: row.at.toISOString(),
  amountXof: row.receivedXof ?? row.totalXof,
  energyKwh: row.energyKwh,
  /** In the order in which they must be entered. */
  tokens: row.token.split(/\D+/),
  operator: row.operator,
})

export const showPush = ({ at, token, notificationId, title, body, message }: ReceivedPush) => ({
  at: new Date(at).toISOString(),
  token,
  notificationId,
  title,
  body,
  data: message.data ?? {},
  message,
})

function buy(world: World, purchase: { meter: string; amountXof: number; at?: Date }): TopUpRow {
  try {
    return world.buy(purchase)
  } catch (error) {
    // The world says in a sentence why this meter or amount cannot be.
    throw invalid((error as Error).message)
  }
}

function setBehaviour(
  parts: Controlled,
  { system, mode, latencyMs }: ReturnType<typeof readSystemBehaviour>,
): void {
  const behaviour = { mode, ...(latencyMs !== undefined && { latencyMs }) }
  if (system === 'sms') {
    if (!SMS_MODES.includes(mode)) throw invalid(`mode: one of ${SMS_MODES.join(', ')}`)
    parts.sms.behave(behaviour as Parameters<SmsGateway['behave']>[0])
    return
  }
  if (system !== 'sic' && system !== 'postpaid') throw invalid('system: one of sic, postpaid, sms')
  if (!SQL_MODES.includes(mode)) throw invalid(`mode: one of ${SQL_MODES.join(', ')}`)
  parts.databases[system].behave(behaviour as SqlBehaviour)
}

const behavioursOf = ({ databases, sms }: Controlled) => ({
  sic: databases.sic.behaviour(),
  postpaid: databases.postpaid.behaviour(),
  sms: sms.behaviour(),
})

function statsOf({ databases }: Controlled) {
  const stats = ({ server }: SqlSystem) => ({
    open: server.connections(),
    peak: server.peakConnections(),
    attempts: server.attempts(),
    statements: server.statements(),
  })
  return { sic: stats(databases.sic), postpaid: stats(databases.postpaid) }
}

function required(query: URLSearchParams, name: string): string {
  const value = query.get(name)
  if (!value) throw invalid(`${name}: give one, as in ?${name}=…`)
  return value
}

/** A `+` in an address arrives as a space when it is not escaped. */
function phoneIn(query: URLSearchParams): string {
  const phone = parsePhone(required(query, 'phone').trim())
  if (!phone) throw invalid('phone: a number of Senegal, as in ?phone=+221770000001')
  return phone
}
