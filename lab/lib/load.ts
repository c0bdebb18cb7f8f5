import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openAccessTokens } from '../../src/http/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { newId } from '../../src/lib/id.ts'
import type { Part, Seen, Start } from '../processes/customers.ts'
import type { Laboratory } from './laboratory.ts'
import { inPlace } from './network.ts'
import { sql } from './servers.ts'

/** Customers at work, in processes of the outside world. */
export interface Load {
  sockets: number
  /** The usual rate, which drills go back to. */
  perSecond: number
  setRate(perSecond: number): Promise<void>
  /** So many urgent notifications at once, beside the rest; resolves when all are accepted. */
  flood(count: number): Promise<void>
  /** Begins a new account of what customers see. */
  mark(): Promise<void>
  seen(): Promise<Seen>
  stop(): void
}

const SCRIPT = fileURLToPath(new URL('../processes/customers.ts', import.meta.url))
const ANSWER_MS = 180_000
const PEOPLE = 5_000
/** Tokens that outlast all drills: apps would ask for new ones meanwhile. */
const AHEAD_MS = 2 * 60 * 60_000

/** Starts customers of the laboratory; resolves once all their sockets are open. */
export async function startLoad(
  lab: Laboratory,
  { sockets, perSecond }: { sockets: number; perSecond: number },
): Promise<Load> {
  const people = await peopleOf(lab)
  const start: Start = { caFile: lab.authorityFile, people, admin: lab.admin, sockets, perSecond }
  const apps = await startPart('sockets', start)
  const readers = await startPart('requests', start)
  return {
    sockets,
    perSecond,
    setRate: async wanted => void (await readers.ask({ ask: 'rate', perSecond: wanted })),
    flood: async count => void (await readers.ask({ ask: 'flood', count })),
    async mark() {
      await Promise.all([apps, readers].map(part => part.ask({ ask: 'mark' })))
    },
    async seen() {
      const seen = await Promise.all([apps, readers].map(part => part.ask<Partial<Seen>>({ ask: 'seen' })))
      return Object.assign({}, ...seen) as Seen
    },
    stop() {
      for (const part of [apps, readers]) part.stop()
    },
  }
}

/** A process, and what it can be asked once it has begun. */
async function startPart(part: Part, start: Start) {
  // Telephones have processors of their own: thousands that come back do not take this one from who is tried.
  const politely = part === 'sockets' ? ['nice', '-n', '10'] : []
  const [program = '', ...args] = [...inPlace('outside'), ...politely, process.execPath, SCRIPT]
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const waiting = new Map<number, { done(value: unknown): void; fail(error: Error): void }>()
  let last = 0
  child.on('message', ({ id, value, error }: { id: number; value?: unknown; error?: string }) => {
    const asked = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) asked?.done(value)
    else asked?.fail(new Error(error))
  })
  child.once('exit', () => {
    for (const { fail } of waiting.values()) fail(new Error('the customers are gone'))
  })
  const ask = <T>(question: object): Promise<T> =>
    new Promise<T>((done, fail) => {
      const id = ++last
      const late = setTimeout(() => fail(new Error(`customers: no answer in ${ANSWER_MS} ms`)), ANSWER_MS)
      const settle = (act: () => void) => {
        clearTimeout(late)
        act()
      }
      waiting.set(id, {
        done: value => settle(() => done(value as T)),
        fail: error => settle(() => fail(error)),
      })
      child.send({ id, question })
    })
  await ask({ ask: 'start', part, start })
  return { ask, stop: () => void child.kill('SIGKILL') }
}

/** Seeded customers. Their access tokens are made with the product's key: thousands of sign-ins by SMS are not what is tried. */
async function peopleOf(lab: Laboratory): Promise<Start['people']> {
  const key = await readFile(join(lab.root('server2'), 'opt/samaconso/secrets/token_key'), 'utf8')
  const tokens = await openAccessTokens(key, { ...systemClock, now: () => systemClock.now() + AHEAD_MS })
  const rows = JSON.parse(
    await sql(
      lab.root('server1'),
      `select coalesce(json_agg(row), '[]') from (select customer_id id, push_token "pushToken" from devices
       where push_token like 'sim-seed-%' order by push_token limit ${PEOPLE}) row`,
    ),
  ) as { id: string; pushToken: string }[]
  return Promise.all(
    rows.map(async row => ({
      ...row,
      token: await tokens.issue({ id: row.id, role: 'customer', agencyId: null, sessionId: newId() }),
    })),
  )
}
