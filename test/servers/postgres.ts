import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { randomSecret } from '../../src/lib/secrets.ts'
import { freePort } from '../../src/roles/embedded/ports.ts'
import { keptOrMade } from '../../src/roles/embedded/secrets.ts'
import { output } from './output.ts'
import { type RunningServer, startServer } from './process.ts'
import { type ServerUser, serverUser } from './user.ts'

export interface PostgresOptions {
  /** Everything of this server lives below it; a server that is started there again has its data and its passwords. */
  folder: string
  /** A free one otherwise. */
  port?: number
  /** Gives up durability for speed. */
  throwaway?: boolean
  /** Other server settings. */
  settings?: Record<string, string>
}

export interface PostgresServer extends RunningServer {
  /** The superuser, on the database `postgres`. */
  adminUrl: string
}

const INSTALLED = '/usr/lib/postgresql'
/** Backends of a server that was killed end by themselves, once they notice; so long the next one cannot start. */
const RETRY_MS = 15_000
const PASSING = /pre-existing shared memory block|lock file .* already exists/

/** The folder of the newest PostgreSQL's programs as Debian installs them, or null. */
export async function postgresPrograms(): Promise<string | null> {
  const versions = (await readdir(INSTALLED).catch(() => [])).map(Number).sort((a, b) => b - a)
  const newest = versions.find(version => existsSync(join(INSTALLED, String(version), 'bin', 'postgres')))
  return newest === undefined ? null : join(INSTALLED, String(newest), 'bin')
}

/** Starts the machine's own PostgreSQL on 127.0.0.1, with the limits of production. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const folder = resolve(options.folder)
  const programs = await postgresPrograms()
  if (!programs) throw new Error(`No PostgreSQL in ${INSTALLED}.`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { admin } = await keptOrMade(join(folder, 'passwords.json'), () => ({ admin: randomSecret() }))
  const user = await serverUser(folder)
  const data = join(folder, 'data')
  if (!existsSync(data)) await initialise(folder, programs, admin, user)

  const port = options.port ?? (await freePort())
  const adminUrl = `postgres://postgres:${admin}@127.0.0.1:${port}/postgres`
  const logFile = join(folder, 'postgres.log')
  for (const giveUpAt = Date.now() + RETRY_MS; ; ) {
    const from = existsSync(logFile) ? readFileSync(logFile, 'utf8').length : 0
    try {
      const server = await startServer({
        name: 'PostgreSQL',
        as: user.prefix,
        command: [join(programs, 'postgres'), '-D', data, ...flags(port, options)],
        port,
        logFile,
        cwd: folder,
        // Fast: open connections are ended, nothing is lost.
        stopSignal: 'SIGINT',
        ready: () => withClient(adminUrl, async () => undefined),
      })
      return { ...server, adminUrl }
    } catch (error) {
      const said = readFileSync(logFile, 'utf8').slice(from)
      if (!PASSING.test(said) || Date.now() > giveUpAt) throw error
      await new Promise(done => setTimeout(done, 300))
    }
  }
}

/** Runs `work` on a connection of its own. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  // A connection that is lost is told to its query; unheard here it would end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

function flags(port: number, { throwaway, settings }: PostgresOptions): string[] {
  const all = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    password_encryption: 'scram-sha-256',
    max_connections: '200',
    shared_buffers: '128MB',
    random_page_cost: '1.1',
    max_wal_size: '2GB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    ...(throwaway ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
    ...settings,
  }
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** Makes `folder/data`, whole or not at all. */
async function initialise(folder: string, programs: string, password: string, user: ServerUser) {
  const unfinished = join(folder, 'data.new')
  const passwordFile = join(folder, 'initdb-password')
  await rm(unfinished, { recursive: true, force: true })
  await writeFile(passwordFile, password, { mode: 0o600 })
  await user.give(passwordFile)
  const [program = '', ...args] = [
    ...user.prefix,
    join(programs, 'initdb'),
    ...['-D', unfinished, '-U', 'postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
    ...['-E', 'UTF8', '--no-locale', '--no-sync'],
  ]
  try {
    await output(program, args, folder)
    await rename(unfinished, join(folder, 'data'))
  } finally {
    await rm(passwordFile, { force: true })
  }
}
