import { randomUUID } from 'node:crypto'
import { accountsHandlers, accountsRoutes } from '../src/modules/accounts/index.ts'
import { Handlers } from '../src/tasks/index.ts'
import { type TestServices, testApp, testServices } from './harness.ts'

// biome-ignore lint/suspicious/noExplicitAny: answers of the API are read freely by tests.
type Json = any

export interface Answer {
  status: number
  body: Json
  text: string
  headers: Record<string, unknown>
}

export interface Person {
  phone: string
  pin: string
  id: string
  deviceId: string
  deviceSecret: string
  accessToken: string
  refreshToken: string
}

/** The routes of accounts on services of their own, with the hands of a person who uses them. */
export interface Accounts {
  services: TestServices
  call(
    method: string,
    url: string,
    options?: { body?: unknown; token?: string; headers?: Record<string, string>; ip?: string },
  ): Promise<Answer>
  /** Does the work of the outbox: texts go out. */
  drain(): Promise<void>
  /** Asks for a code, a minute after any other, and reads it from the SMS; null when the SMS holds none. */
  code(phone: string, purpose: 'register' | 'device' | 'pin-reset'): Promise<string | null>
  /** Somebody new, with one proved device. */
  newcomer(as?: { phone?: string; pin?: string; pushToken?: string; firstName?: string }): Promise<Person>
  /** Signs in with the PIN on a device. */
  signIn(person: Pick<Person, 'phone' | 'pin'>, how: Record<string, unknown>): Promise<Answer>
  close(): Promise<void>
}

let numbers = 0

export async function openAccounts(env: Record<string, string> = {}): Promise<Accounts> {
  const services = await testServices({
    env: {
      LIMIT_PER_NETWORK: '1000000',
      LIMIT_SIGN_INS_PER_NETWORK: '100000',
      LIMIT_SMS_PER_PHONE: '100',
      ...env,
    },
  })
  const app = await testApp(services, it => accountsRoutes(it, services, services.tokens))
  const handlers = new Handlers()
  accountsHandlers(handlers, services)

  const call: Accounts['call'] = async (method, url, { body, token, headers, ip } = {}) => {
    const answer = await app.inject({
      method: method as 'GET',
      url,
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
      ...(ip ? { remoteAddress: ip } : {}),
    })
    return {
      status: answer.statusCode,
      text: answer.body,
      body: answer.body ? JSON.parse(answer.body) : null,
      headers: answer.headers,
    }
  }

  async function drain(): Promise<void> {
    const rows = await services.db.query<{ task: string; payload: { smsId: string } }>(
      "delete from outbox where task like 'accounts.%' returning task, payload",
    )
    for (const { task, payload } of rows) {
      const message = {
        id: randomUUID(),
        task,
        queue: 'urgent',
        payload,
        attempt: 1,
        requestId: null,
      } as const
      await handlers.get(task)?.handler(payload, { message, signal: new AbortController().signal })
    }
  }

  async function code(phone: string, purpose: string): Promise<string | null> {
    services.clock.advance(61_000)
    const before = services.texts.length
    const asked = await call('POST', '/v1/auth/otp', { body: { phone, purpose } })
    if (asked.status !== 202) throw new Error(`A code for ${phone}: ${asked.text}`)
    await drain()
    return services.texts.slice(before).at(-1)?.text.match(/\d{6}/)?.[0] ?? null
  }

  return {
    services,
    call,
    drain,
    code,
    async newcomer({ phone, pin = '7394', pushToken, firstName = 'Awa' } = {}) {
      const number = phone ?? `+22178${String(++numbers).padStart(7, '0')}`
      const deviceId = randomUUID()
      const answer = await call('POST', '/v1/auth/register', {
        body: {
          phone: number,
          code: await code(number, 'register'),
          pin,
          firstName,
          lastName: 'Diop',
          device: { id: deviceId, platform: 'android', ...(pushToken ? { pushToken } : {}) },
        },
      })
      if (answer.status !== 201) throw new Error(`Registration of ${number}: ${answer.text}`)
      const { user, deviceSecret, accessToken, refreshToken } = answer.body
      return { phone: number, pin, id: user.id, deviceId, deviceSecret, accessToken, refreshToken }
    },
    signIn: ({ phone, pin }, how) =>
      call('POST', '/v1/auth/token', { body: { grant: 'pin', phone, pin, ...how } }),
    async close() {
      await app.close()
      await services.close()
    },
  }
}

export interface Work {
  /** Every SQL statement, in order. */
  statements: string[]
  /** argon2id runs. */
  hashes: number
  answer: Answer
}

/** What one call costs, counted rather than timed: what two callers must not be able to tell apart. */
export async function workOf(services: TestServices, act: () => Promise<Answer>): Promise<Work> {
  const { db, secrets } = services
  const statements: string[] = []
  let hashes = 0
  services.db = {
    ...db,
    query(text, values) {
      statements.push(text)
      return db.query(text, values)
    },
    tx: work =>
      db.tx(tx =>
        work({
          ...tx,
          query(text, values) {
            statements.push(text)
            return tx.query(text, values)
          },
        }),
      ),
  }
  services.secrets = {
    ...secrets,
    hash(plain) {
      hashes++
      return secrets.hash(plain)
    },
    verify(hash, plain) {
      hashes++
      return secrets.verify(hash, plain)
    },
  }
  try {
    const answer = await act()
    return { statements, hashes, answer }
  } finally {
    services.db = db
    services.secrets = secrets
  }
}
