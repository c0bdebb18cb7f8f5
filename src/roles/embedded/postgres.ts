import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { randomSecret } from '../../lib/secrets.ts'
import { StartError } from '../say.ts'
import { setAsideWhenLarge } from './data-dir.ts'
import { remedyOf } from './faults.ts'
import { findBinaries, initialise, unprivileged } from './install.ts'
import { stopLeftoverPostgres } from './leftover.ts'
import { freePort } from './ports.ts'
import { signal } from './processes.ts'
import { keptOrMade } from './secrets.ts'

export { freePort } from './ports.ts'

export interface EmbeddedPostgres {
  /** Of the application's role: owner of its database, nothing more. */
  url: string
  /** For tests, which make databases of their own. */
  adminUrl: string
  port: number
  /** What the server wrote to its log since it was started, its end. */
  logTail(): Promise<string>
  stop(): Promise<void>
}

export interface EmbeddedPostgresOptions {
  /** Everything of this server lives below it. */
  folder: string
  /** Gives up durability for speed: tests only. */
  throwaway?: boolean
  /** Other server settings. */
  settings?: Record<string, string>
}

const START_MS = 60_000
const STOP_MS = 4_000
/** Backends of a server that was killed end by themselves, once they notice. */
const RETRY_MS = 15_000
const PASSING = /pre-existing shared memory block|Address already in use|could not create any TCP\/IP sockets/

/**
 * Starts the PostgreSQL that comes with the packages, on a free port of 127.0.0.1. It stops when `stop` is called or
 * when this process is gone, whatever killed it. A server left over in the same folder is stopped first. Rejects with
 * `StartError` when it cannot start.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const folder = resolve(options.folder)
  const data = join(folder, 'data')
  const binaries = await findBinaries()
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const passwords = await keptOrMade(join(folder, 'passwords.json'), () => ({
    admin: randomSecret(),
    app: randomSecret(),
  }))
  const asUser = await unprivileged(folder)
  await stopLeftoverPostgres(folder)
  if (!existsSync(data)) await initialise(folder, binaries, passwords.admin, asUser)
  await setAsideWhenLarge(join(folder, 'postgres.log'))

  for (const giveUpAt = Date.now() + RETRY_MS; ; ) {
    const port = await freePort()
    const server = startServer(folder, [...asUser, binaries.postgres, '-D', data, ...flagsOf(port, options)])
    const urlOf = (user: string, password: string, database: string) =>
      `postgres://${user}:${password}@127.0.0.1:${port}/${database}`
    const adminUrl = urlOf('postgres', passwords.admin, 'postgres')
    try {
      await waitUntilReady(adminUrl, server.exited)
      await ensureAppDatabase(adminUrl, passwords.app)
      const { logTail, stop } = server
      return { url: urlOf('samaconso_app', passwords.app, 'samaconso'), adminUrl, port, logTail, stop }
    } catch (error) {
      await server.stop()
      const said = `${await server.logTail()}\n${(error as Error).message}`
      if (PASSING.test(said) && Date.now() < giveUpAt) {
        await new Promise(done => setTimeout(done, 300))
        continue
      }
      const last = said.trim().split('\n').slice(-3).join(' ')
      throw new StartError(
        remedyOf(said, folder) ?? {
          fr: `PostgreSQL n’a pas démarré : ${last}`,
          en: `PostgreSQL did not start: ${last}`,
        },
      )
    }
  }
}

function flagsOf(port: number, { throwaway, settings }: EmbeddedPostgresOptions): string[] {
  const all = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '80',
    shared_buffers: '128MB',
    random_page_cost: '1.1',
    max_wal_size: '2GB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // What tells a fault from another is read in it.
    lc_messages: 'C',
    ...(throwaway ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
    ...settings,
  }
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/**
 * The shell between us and the server: it stops the server when our end of its standard input closes, however we ended.
 * It has a session of its own, so the keys of a terminal do not reach it.
 */
const KEEPER = `
exec 3<&0
"$@" <&- 3<&- &
server=$!
(read _ <&3; kill -INT $server 2>&-) &
reader=$!
trap '' INT TERM HUP
exec 3<&-
wait $server
status=$?
kill $reader 2>&-
exit $status`

function startServer(folder: string, command: readonly string[]) {
  const logFile = join(folder, 'postgres.log')
  const log = openSync(logFile, 'a', 0o600)
  const from = fstatSync(log).size
  const keeper: ChildProcess = spawn('sh', ['-c', KEEPER, 'keeper', ...command], {
    stdio: ['pipe', log, log],
    detached: true,
    cwd: folder,
  })
  closeSync(log)
  let isGone = false
  const exit = new Promise<void>(done => {
    for (const event of ['exit', 'error']) {
      keeper.once(event, () => {
        isGone = true
        done()
      })
    }
  })
  // A pipe whose reader died says so; that it is gone is known by its exit.
  keeper.stdin?.on('error', () => undefined)
  return {
    exited: () => isGone,
    async stop(): Promise<void> {
      keeper.stdin?.end()
      const late = setTimeout(() => keeper.pid && signal(-keeper.pid, 'SIGQUIT'), STOP_MS)
      await exit
      clearTimeout(late)
    },
    logTail: () => readFrom(logFile, from),
  }
}

/** The end of what a file holds after a position, 4,000 bytes at most. */
async function readFrom(file: string, from: number): Promise<string> {
  const handle = await open(file).catch(() => null)
  if (!handle) return ''
  try {
    const { size } = await handle.stat()
    const start = Math.max(from, size - 4_000)
    const { buffer, bytesRead } = await handle.read({ position: start, length: 4_000 })
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

function clientOf(url: string): pg.Client {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  // A connection that is lost is told to its query; unheard here it would end the process.
  client.on('error', () => undefined)
  return client
}

async function waitUntilReady(url: string, gone: () => boolean): Promise<void> {
  const deadline = Date.now() + START_MS
  for (;;) {
    const client = clientOf(url)
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      // An answer other than "not yet" will not change.
      const isFinal = error instanceof pg.DatabaseError && error.code !== '57P03'
      if (isFinal || gone() || Date.now() > deadline) throw error
      await new Promise(done => setTimeout(done, 50))
    }
  }
}

/** The application's role and database, with the limits that every one of its sessions has. */
export async function ensureAppDatabase(adminUrl: string, password: string): Promise<void> {
  const client = clientOf(adminUrl)
  await client.connect()
  try {
    const role = await client.query("select 1 from pg_roles where rolname = 'samaconso_app'")
    const verb = role.rowCount ? 'alter' : 'create'
    await client.query(`${verb} role samaconso_app login password ${pg.escapeLiteral(password)}`)
    await client.query("alter role samaconso_app set statement_timeout = '10s'")
    await client.query("alter role samaconso_app set idle_in_transaction_session_timeout = '30s'")
    const database = await client.query("select 1 from pg_database where datname = 'samaconso'")
    if (!database.rowCount) await client.query('create database samaconso owner samaconso_app')
  } finally {
    await client.end()
  }
}
