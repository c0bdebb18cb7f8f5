import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { Seen, Start } from '../processes/customers.ts'
import { VIP } from './places.ts'

export interface Requests {
  setRate(perSecond: number): void
  /** So many urgent notifications, some at a time. */
  flood(count: number): Promise<void>
  /** Forgets what was seen so far. */
  mark(): void
  /** What was seen since, once what is under way has ended. */
  seen(): Promise<Omit<Seen, 'sockets'>>
}

const NAME = 'samaconso.example'
/** Opened as they are needed: at the usual rate a few of them, in an overload all. */
const CONNECTIONS = 1_000
/** Above it, customers give up: nothing is queued here without end. */
const MOST_UNDER_WAY = 1_000
const ANSWER_MS = 30_000
/** A notification is sent again under its key for so long. */
const PATIENCE_MS = 60_000
const AGAIN_MS = 250
const TICK_MS = 20
/** One request in so many asks for what the back office knows, about so many meters. */
const SUMMARY_EVERY = 8
const METERS = 40
/** One request in so many notifies somebody. */
const NOTIFY_EVERY = 10
const URGENT_EVERY = 3
const FLOOD_LINES = 40
const READS = [
  '/v1/notifications?limit=20',
  '/v1/notifications/unread-count',
  '/v1/me',
  '/v1/meters',
  '/v1/agencies',
]

/** Trouble, with the time to come back; 409 while the same request, given up by its caller, is still at work. */
const isSentAway = (status: number, retryAfter: unknown): boolean =>
  retryAfter !== undefined && [409, 429, 502, 503, 504].includes(status)

const toldMs = (status: number, retryAfter: unknown): number =>
  isSentAway(status, retryAfter) ? Number(retryAfter) * 1_000 : 0

/** Who is told when to come back does so, not all together; ms. */
const againIn = (toldMs: number): number => (toldMs > 0 ? toldMs * (0.5 + Math.random() / 2) : AGAIN_MS)

/**
 * A connection that was kept, and is closed instead of an answer: the balancer does so when it lost the instance that had the request. Telephones' libraries
 * and browsers read once more then (RFC 9110, 9.2.2).
 */
const isClosedWithoutAWord = (error: unknown): boolean =>
  (error as { code?: string }).code === 'UND_ERR_SOCKET'

interface Window {
  times: number[]
  failed: string[]
  failedCount: number
  /** Reads that were sent once more. */
  again: number
  shed: number
  goodAt: number
  gap: number
  accepted: Seen['accepted']
  refused: number
  startedAt: number
  /** Begun in this window and not over. */
  underWay: Set<Promise<void>>
}

/** Sends requests at a steady rate, however slowly they are answered, and keeps what came of them. */
export async function openRequests(
  start: Omit<Start, 'caFile' | 'sockets'> & { ca: string },
): Promise<Requests> {
  const dispatcher = new Agent({
    connections: CONNECTIONS,
    pipelining: 1,
    // Below the balancer's: a kept connection is let go before it is closed under a request.
    keepAliveTimeout: 10_000,
    connect: { ca: start.ca, servername: NAME, timeout: 10_000 },
  })
  const call = async (method: 'GET' | 'POST', path: string, token = '', body?: object, key?: string) => {
    const {
      statusCode,
      headers,
      body: stream,
    } = await request(`https://${VIP}${path}`, {
      dispatcher,
      method,
      headersTimeout: ANSWER_MS,
      bodyTimeout: ANSWER_MS,
      headers: {
        host: NAME,
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...(key ? { 'idempotency-key': key } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    return { status: statusCode, retryAfter: headers['retry-after'], text: await stream.text() }
  }

  async function signIn(): Promise<string> {
    const { status, text } = await call('POST', '/v1/auth/token', '', { grant: 'password', ...start.admin })
    if (status !== 200) throw new Error(`the administrator does not sign in: ${status} ${text}`)
    return JSON.parse(text).accessToken as string
  }
  let admin = await signIn()
  /** When the half hour of the token is over. */
  async function signInAgain(status: number): Promise<void> {
    if (status === 401) admin = await signIn()
  }
  const summaries = await summariesOf(start.people.slice(0, METERS), call)
  let perSecond = start.perSecond
  let window = newWindow()
  let served = 0

  function good(into: Window): void {
    const now = performance.now()
    served++
    into.gap = Math.max(into.gap, now - into.goodAt)
    into.goodAt = now
  }
  function bad(into: Window, why: string): void {
    into.failedCount++
    if (into.failed.length < 5) into.failed.push(why)
  }

  async function read(into: Window, turn: number): Promise<void> {
    const person = start.people[turn % start.people.length] as Start['people'][number]
    // What SIC has to be asked for, at most once a minute each: the screen that customers see first.
    const summary = turn % SUMMARY_EVERY === 1 ? summaries[turn % summaries.length] : undefined
    const path = summary?.path ?? (READS[turn % READS.length] as string)
    const startedAt = performance.now()
    try {
      const get = () => call('GET', path, (summary ?? person).token)
      const { status, retryAfter } = await get().catch(error => {
        if (!isClosedWithoutAWord(error)) throw error
        into.again++
        return get()
      })
      if (status < 400) good(into)
      else if (isSentAway(status, retryAfter)) into.shed++
      else bad(into, `GET ${path}: ${status}`)
    } catch (error) {
      bad(into, `GET ${path}: ${(error as Error).message}`)
    }
    into.times.push(performance.now() - startedAt)
  }

  /** Under its key until it is accepted: then it counts once. */
  async function notify(into: Window, turn: number): Promise<void> {
    const person = start.people[turn % start.people.length] as Start['people'][number]
    const key = randomUUID()
    const body = {
      customerId: person.id,
      priority: turn % URGENT_EVERY === 0 ? 'urgent' : 'normal',
      content: { fr: { title: 'Travaux', body: 'Coupure prévue dans votre quartier.' } },
    }
    const startedAt = performance.now()
    for (let why = '', toldWhen = 0; ; await pause(againIn(toldWhen))) {
      try {
        const { status, retryAfter, text } = await call('POST', '/v1/admin/notifications', admin, body, key)
        if (status === 202) {
          into.accepted.push({ id: JSON.parse(text).id, pushToken: person.pushToken })
          good(into)
          break
        }
        why = `${status} ${text.slice(0, 200)}`
        toldWhen = toldMs(status, retryAfter)
        await signInAgain(status)
      } catch (error) {
        why = (error as Error).message
        toldWhen = 0
      }
      if (performance.now() - startedAt > PATIENCE_MS) {
        into.refused++
        if (toldWhen > 0) into.shed++
        else bad(into, `POST /v1/admin/notifications, again and again: ${why}`)
        break
      }
    }
    into.times.push(performance.now() - startedAt)
  }

  void (async () => {
    let owed = 0
    let last = performance.now()
    for (let turn = 0; ; await pause(TICK_MS)) {
      const now = performance.now()
      owed = Math.min(owed + ((now - last) / 1_000) * perSecond, perSecond)
      last = now
      for (; owed >= 1; owed--, turn++) {
        const into = window
        if (into.underWay.size > MOST_UNDER_WAY) break
        const asking = (turn % NOTIFY_EVERY === 0 ? notify(into, turn) : read(into, turn)).finally(() =>
          into.underWay.delete(asking),
        )
        into.underWay.add(asking)
      }
    }
  })()

  return {
    setRate(wanted) {
      perSecond = wanted
    },
    async flood(count) {
      const turns = Array.from({ length: count }, (_, i) => i * URGENT_EVERY).values()
      const line = async () => {
        for (const turn of turns) await notify(window, turn)
      }
      await Promise.all(Array.from({ length: FLOOD_LINES }, line))
    },
    mark() {
      window = newWindow()
      served = 0
    },
    async seen() {
      const over = window
      window = newWindow()
      const answered = served
      served = 0
      const seconds = (performance.now() - over.startedAt) / 1_000
      await Promise.all(over.underWay)
      const sorted = over.times.toSorted((a, b) => a - b)
      const part = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0)
      const { failed, failedCount, again, shed, accepted, refused } = over
      return {
        requests: sorted.length,
        answered,
        ...{ failed, failedCount, again, shed, accepted, refused },
        p50: part(0.5),
        p99: part(0.99),
        worst: part(1),
        gap: Math.round(over.gap),
        seconds,
      }
    },
  }
}

/** Where the first screen of these people is. */
async function summariesOf(
  people: Start['people'],
  call: (method: 'GET', path: string, token: string) => Promise<{ text: string }>,
): Promise<{ path: string; token: string }[]> {
  return Promise.all(
    people.map(async ({ token }) => {
      const { text } = await call('GET', '/v1/meters', token)
      return { path: `/v1/meters/${JSON.parse(text).items[0].id}/summary`, token }
    }),
  )
}

const newWindow = (): Window => ({
  times: [],
  failed: [],
  failedCount: 0,
  again: 0,
  shed: 0,
  goodAt: performance.now(),
  gap: 0,
  accepted: [],
  refused: 0,
  startedAt: performance.now(),
  underWay: new Set(),
})
