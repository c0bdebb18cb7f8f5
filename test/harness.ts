import { generateKeyPairSync } from 'node:crypto'
import { inject } from 'vitest'
import type { BackOffice } from '../src/backoffice/types.ts'
import { inProcessCache, inProcessFanout, inProcessLimiter, inProcessShelf } from '../src/cache/index.ts'
import type { PushMessage, PushOutcome, SmsOutcome } from '../src/channels/types.ts'
import { type Config, loadConfig } from '../src/config.ts'
import {
  type AccessTokens,
  type App,
  buildApp,
  type HttpOptions,
  openAccessTokens,
  type Role,
} from '../src/http/index.ts'
import { newId } from '../src/lib/id.ts'
import { openSecrets, randomSecret, sha256 } from '../src/lib/secrets.ts'
import { nameKey } from '../src/lib/text.ts'
import { openLog } from '../src/observability/index.ts'
import type { Services } from '../src/services.ts'
import type { Storage } from '../src/storage/index.ts'
import { cloneDatabase } from './databases.ts'

export { cloneDatabase } from './databases.ts'

/** A clock that tests move. Starts at the present. */
export interface TestClock {
  now(): number
  advance(ms: number): void
}

export interface TestServices extends Services {
  clock: TestClock
  tokens: AccessTokens
  /** What the SMS channel was given, oldest first. */
  texts: { phone: string; text: string }[]
  /** What the push channel was given, oldest first. */
  pushes: PushMessage[]
  /** How the channels answer; change it in a test. */
  answer: {
    push: (message: PushMessage) => PushOutcome | Promise<PushOutcome>
    sms: () => SmsOutcome | Promise<SmsOutcome>
  }
  close(): Promise<void>
}

export const testConfig = (overrides: Record<string, string> = {}): Config =>
  loadConfig({
    SAMACONSO_MODE: 'embedded',
    DATABASE_URL: inject('templateUrl'),
    TOKEN_KEY: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    PEPPER: randomSecret(),
    SEAL_KEY: randomSecret(),
    SIC_PASSWORD: randomSecret(),
    POSTPAID_PASSWORD: randomSecret(),
    MONITOR_PASSWORD: randomSecret(),
    FCM_SERVICE_ACCOUNT_FILE: '/nonexistent',
    SMS_URL: 'http://127.0.0.1:9/',
    LOG_LEVEL: 'silent',
    DRAIN_SECONDS: '0',
    ...overrides,
  })

/** Everything the business works with, on a real database, with channels that only note what they are given. */
export async function testServices(
  overrides: { backoffice?: BackOffice; env?: Record<string, string> } = {},
): Promise<TestServices> {
  const { db, drop } = await cloneDatabase()
  const config = testConfig(overrides.env)
  let offset = 0
  const clock: TestClock = {
    now: () => Date.now() + offset,
    advance(ms) {
      offset += ms
    },
  }
  const texts: TestServices['texts'] = []
  const pushes: PushMessage[] = []
  const answer: TestServices['answer'] = {
    push: () => ({ outcome: 'sent' }),
    sms: () => ({ outcome: 'sent' }),
  }
  return {
    config,
    clock,
    log: openLog({ level: config.logLevel, instance: 'test' }),
    db,
    cache: inProcessCache(clock),
    fanout: inProcessFanout(),
    limiter: inProcessLimiter(clock),
    shelf: inProcessShelf(clock),
    wakeRelay: () => undefined,
    backoffice: overrides.backoffice ?? unreachableBackOffice,
    push: {
      concurrency: 50,
      async send(message) {
        pushes.push(message)
        return answer.push(message)
      },
      state: () => 'ok',
      close: async () => undefined,
    },
    sms: {
      async send(message) {
        texts.push(message)
        return answer.sms()
      },
      state: () => 'ok',
      close: async () => undefined,
    },
    secrets: openSecrets({ pepper: config.pepper, sealKey: config.sealKey }),
    storage: noStorage,
    tokens: await openAccessTokens(config.tokenKey, clock),
    texts,
    pushes,
    answer,
    close: drop,
  }
}

const nothing = async (): Promise<never> => {
  throw new Error('This test gives no back office.')
}
const noFiles = async (): Promise<never> => {
  throw new Error('This test gives no storage.')
}
const noStorage: Storage = {
  put: noFiles,
  get: noFiles,
  head: noFiles,
  delete: noFiles,
  list: noFiles,
  state: () => 'ok',
  close: async () => undefined,
}
const unreachableBackOffice: BackOffice = {
  prepaidMeter: nothing,
  postpaidAccount: nothing,
  topups: nothing,
  topupsSince: nothing,
  topupMonths: nothing,
  bills: nothing,
  billMonths: nothing,
  state: () => ({ sic: 'down', postpaid: 'down' }),
  close: async () => undefined,
}

/** The HTTP server with the routes given, for `inject`. */
export const testApp = (
  services: TestServices,
  register: (app: App) => void,
  overrides: Partial<HttpOptions> = {},
): Promise<App> =>
  buildApp(
    {
      tokens: services.tokens,
      limiter: services.limiter,
      clock: services.clock,
      log: services.log,
      version: '0.0.0',
      limits: { perAccount: services.config.limitPerAccount, perNetwork: services.config.limitPerNetwork },
      trustedBalancers: [],
      health: {
        version: '0.0.0',
        instance: 'test',
        report: () => ({ status: 'running', services: {} }),
      },
      ...overrides,
    },
    register,
  )

export interface TestAccount {
  id: string
  phone: string
  sessionId: string
  /** Value of the Authorization header. */
  authorization: string
}

let phones = 0

/** Somebody who is signed in, made straight in the database; customers get a phone of their own. */
export async function signedIn(
  services: TestServices,
  as: {
    role?: Role
    agencyId?: number
    phone?: string
    firstName?: string
    lastName?: string
    language?: 'fr' | 'en' | 'wo'
  } = {},
): Promise<TestAccount> {
  const { role = 'customer', firstName = 'Awa', lastName = 'Diop' } = as
  const id = newId()
  const sessionId = newId()
  const phone = as.phone ?? `+22176${String(++phones).padStart(7, '0')}`
  if (as.agencyId !== undefined) {
    await services.db.query(
      'insert into agencies (id, name, match_key) values ($1::integer, $2, $2) on conflict do nothing',
      [as.agencyId, `agence ${as.agencyId}`],
    )
  }
  await services.db.query(
    `insert into accounts (id, role, phone, login, first_name, last_name, name_key, family_key, language, agency_id, secret_hash)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'none')`,
    [
      id,
      role,
      role === 'customer' ? phone : null,
      role === 'customer' ? null : `staff-${id}`,
      firstName,
      lastName,
      nameKey(`${firstName} ${lastName}`),
      nameKey(`${lastName} ${firstName}`),
      as.language ?? 'fr',
      role === 'agent' ? (as.agencyId ?? null) : null,
    ],
  )
  await services.db.query(
    "insert into sessions (id, account_id, token_hash, expires_at) values ($1, $2, $3, now() + interval '7 days')",
    [sessionId, id, sha256(sessionId)],
  )
  const token = await services.tokens.issue({
    id,
    role,
    agencyId: role === 'agent' ? (as.agencyId ?? null) : null,
    sessionId,
  })
  return { id, phone, sessionId, authorization: `Bearer ${token}` }
}

/** A device of a customer with its push token. */
export async function withDevice(
  services: TestServices,
  customerId: string,
  pushToken: string,
): Promise<string> {
  const id = newId()
  await services.db.query(
    "insert into devices (id, customer_id, installation, platform, push_token) values ($1, $2, $3, 'android', $4)",
    [id, customerId, `installation-${id}`, pushToken],
  )
  return id
}

/** Waits until `check` gives something true, at most `ms`; fails with what it was waiting for. */
export async function until<T>(what: string, check: () => Promise<T> | T, ms = 10_000): Promise<T> {
  const deadline = Date.now() + ms
  for (;;) {
    const value = await check()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`Waited ${ms} ms in vain: ${what}`)
    await new Promise(done => setTimeout(done, 20))
  }
}
