import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { loadOrCreateAccount } from '../../simulators/fcm/account.ts'
import { type Database, migrate, openDatabase } from '../../src/db/index.ts'
import { type AccessTokens, openAccessTokens } from '../../src/http/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { newId } from '../../src/lib/id.ts'
import { openSecrets, randomSecret, type Secrets } from '../../src/lib/secrets.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/roles/embedded/postgres.ts'
import { seed } from '../../src/roles/seed.ts'
import type { Flood, Measured, Probe, Refreshes, Tokens } from '../processes/generator.ts'
import type { Answered } from '../processes/peer.ts'
import type { ServerData } from '../processes/server.ts'
import type { Turns } from '../processes/turns.ts'
import { type Child, startChild } from './child.ts'

/** PIN of every seeded customer. */
export const PIN = '7394'

export interface Seeded {
  url: string
  db: Database
  /** Seconds that the seed took. */
  seconds: number
}

/** A server that is measured. */
export interface Server {
  port: number
  cpu: Child<object>['cpu']
}

export interface Product extends Server {
  /** Of one that was started `traced`, while it is under load. */
  turns(seconds: number): Promise<Turns>
}

/** What the cases share: a folder, a PostgreSQL, seeded databases, the generator. All of it goes with `close`. */
export interface Lab {
  folder: string
  secrets: Secrets
  /** A database with so many customers. */
  database(name: string, customers: number): Promise<Seeded>
  /** The environment of a process of the product on a database. */
  env(database: Seeded, more?: Record<string, string>): Record<string, string>
  /** The product's API on a database, on the first core unless said otherwise. */
  server(
    database: Seeded,
    options?: { cache?: boolean; pinned?: boolean; observed?: boolean; traced?: boolean },
  ): Promise<Product>
  /** Bare node:http that answers with these bytes, on the first core. */
  peer(answered: Answered): Promise<Server>
  /** An access token as the servers of this lab issue them. */
  token(accountId: string, role?: 'customer' | 'admin'): Promise<string>
  /** Runs a job of the load generator, on the second core. Rejects when an answer was not 200. */
  load(job: Flood | Refreshes): Promise<Measured>
  tell(job: Tokens | Probe): Promise<void>
  stopProbe(): Promise<Measured>
  /** A process that ends with the case. */
  child<Ready>(...args: Parameters<typeof startChild>): Promise<Child<Ready>>
  /** What to do at the end of the case, last first. */
  onEnd(end: () => Promise<unknown>): void
  endCase(): Promise<void>
  close(): Promise<void>
}

/** Opens the lab; nothing is started before it is needed. */
export async function openLab(): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), 'samaconso-bench-'))
  const closers: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  const ends: (() => Promise<unknown>)[] = []
  const keys = {
    TOKEN_KEY: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    PEPPER: randomSecret(),
    SEAL_KEY: randomSecret(),
  }
  const secrets = openSecrets({ pepper: keys.PEPPER, sealKey: keys.SEAL_KEY })
  const tokens: AccessTokens = await openAccessTokens(keys.TOKEN_KEY, systemClock)
  const account = loadOrCreateAccount(join(folder, 'fcm'), 'https://127.0.0.1:9/token')

  const postgres = once(async () => {
    const server = await startEmbeddedPostgres({ folder: join(folder, 'postgres') })
    closers.push(server.stop)
    return server
  })
  const generator = once(async () => {
    const started = await startChild<object>('generator.ts', { core: 1 })
    closers.push(started.stop)
    return started
  })
  const env = ({ url }: Pick<Seeded, 'url'>, more: Record<string, string> = {}) => ({
    ...FIXED,
    ...keys,
    DATABASE_URL: url,
    FCM_SERVICE_ACCOUNT_FILE: account.file,
    STORAGE_FOLDER: join(folder, 'files'),
    ...more,
  })
  let servers = 0

  async function child<Ready>(...args: Parameters<typeof startChild>): Promise<Child<Ready>> {
    const started = await startChild<Ready>(...args)
    ends.push(started.stop)
    return started
  }

  return {
    folder,
    secrets,
    env,
    async database(name, customers) {
      const { url, db } = await emptyDatabase(await postgres(), `bench_${name}`)
      ends.push(db.close)
      await migrate(db)
      const startedAt = performance.now()
      await seed(db, customers, await secrets.hash(PIN))
      return { url, db, seconds: (performance.now() - startedAt) / 1_000 }
    },
    async server({ url }, { cache = true, pinned = true, observed = true, traced = false } = {}) {
      const data: ServerData = {
        env: env({ url }),
        logFile: join(folder, `server-${++servers}.log`),
        cache,
        observed,
        traced,
      }
      const { ready, cpu, ask } = await child<{ port: number }>('server.ts', {
        data,
        ...(pinned ? { core: 0 } : {}),
      })
      return { port: ready.port, cpu, turns: turns => ask({ turns }, turns * 1_000 + 60_000) }
    },
    async peer(answered) {
      const { ready, cpu } = await child<{ port: number }>('peer.ts', { core: 0, data: answered })
      return { port: ready.port, cpu }
    },
    token: (id, role = 'customer') => tokens.issue({ id, role, agencyId: null, sessionId: newId() }),
    async load(job) {
      const measured = await (await generator()).ask<Measured>(job, job.seconds * 1_000 + 30_000)
      if (measured.failed > 0) throw new Error(`${measured.failed} of ${measured.answered} requests failed`)
      return measured
    },
    async tell(job) {
      await (await generator()).ask(job)
    },
    stopProbe: async () => (await generator()).ask<Measured>({ kind: 'stop probe' }),
    child,
    onEnd: end => void ends.push(end),
    endCase: () => runAll(ends),
    async close() {
      await runAll(ends)
      await runAll(closers)
    },
  }
}

/** As the demo has them: all comes from one address. What is not used is given an address where nobody listens. */
const FIXED: Record<string, string> = {
  SAMACONSO_MODE: 'embedded',
  PORT: '0',
  DRAIN_SECONDS: '0',
  MONITOR_PASSWORD: randomSecret(),
  SIC_PASSWORD: randomSecret(),
  POSTPAID_PASSWORD: randomSecret(),
  SMS_URL: 'http://127.0.0.1:9/',
  LIMIT_PER_ACCOUNT: '1000000000',
  LIMIT_PER_NETWORK: '1000000000',
  LIMIT_SIGN_INS_PER_NETWORK: '1000000000',
}

async function emptyDatabase(server: EmbeddedPostgres, name: string): Promise<{ url: string; db: Database }> {
  const client = new pg.Client({ connectionString: server.adminUrl })
  await client.connect()
  await client.query(`create database ${name} owner samaconso_app`).finally(() => client.end())
  const url = server.url.replace(/\/samaconso$/, `/${name}`)
  return { url, db: openDatabase({ url, pool: 4, statementTimeout: 120_000 }) }
}

/** All of them, last first, whatever one of them does. */
async function runAll(steps: (() => Promise<unknown>)[]): Promise<void> {
  for (const step of steps.splice(0).toReversed()) {
    await step().catch((error: unknown) => process.stderr.write(`${(error as Error).stack}\n`))
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}
