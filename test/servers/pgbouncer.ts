import { existsSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { randomSecret } from '../../src/lib/secrets.ts'
import { freePort } from '../../src/roles/embedded/ports.ts'
import { keptOrMade } from '../../src/roles/embedded/secrets.ts'
import { withClient } from './postgres.ts'
import { type RunningServer, startServer } from './process.ts'
import { serverUser } from './user.ts'

export interface PgBouncerOptions {
  folder: string
  /** The PostgreSQL behind it, which must be there: its roles' SCRAM verifiers are read. */
  adminUrl: string
  /** A free one otherwise. */
  port?: number
  /** Other settings of the section [pgbouncer]. */
  settings?: Record<string, string>
}

export interface PgBouncerServer extends RunningServer {
  /** Its own console: SHOW CLIENTS, SHOW POOLS, PAUSE… It takes simple statements only. */
  consoleUrl: string
}

export const PGBOUNCER = '/usr/sbin/pgbouncer'
const OPERATOR = 'pgbouncer'

/** Starts PgBouncer in transaction mode on 127.0.0.1, for every database and every role of a PostgreSQL. */
export async function startPgBouncer(options: PgBouncerOptions): Promise<PgBouncerServer> {
  const folder = resolve(options.folder)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { operator } = await keptOrMade(join(folder, 'passwords.json'), () => ({ operator: randomSecret() }))
  const user = await serverUser(folder)
  const port = options.port ?? (await freePort())
  const userList = join(folder, 'userlist.txt')
  const configuration = join(folder, 'pgbouncer.ini')
  // A PostgreSQL that is away just now, as in a drill, is no reason not to wait for it with what was known.
  const known = await verifiers(options.adminUrl).catch(error => {
    if (!existsSync(userList)) throw error
  })
  if (known !== undefined) await writeFile(userList, `"${OPERATOR}" "${operator}"\n${known}`)
  await writeFile(configuration, settings(options, port, userList))
  for (const file of [userList, configuration]) {
    await chmod(file, 0o600)
    await user.give(file)
  }
  const consoleUrl = `postgres://${OPERATOR}:${operator}@127.0.0.1:${port}/pgbouncer`
  const server = await startServer({
    name: 'PgBouncer',
    as: user.prefix,
    command: [PGBOUNCER, configuration],
    port,
    logFile: join(folder, 'pgbouncer.log'),
    // At once: whoever waits is told, as by a machine that goes away.
    stopSignal: 'SIGTERM',
    ready: () => withClient(consoleUrl, client => client.query('show version')),
  })
  return { ...server, consoleUrl }
}

/** Roles that may sign in, with what proves their passwords; the superuser does not come in this way. */
async function verifiers(adminUrl: string): Promise<string> {
  const { rows } = await withClient(adminUrl, client =>
    client.query<{ rolname: string; rolpassword: string }>(
      "select rolname, rolpassword from pg_authid where rolcanlogin and not rolsuper and rolpassword like 'SCRAM-SHA-256$%'",
    ),
  )
  return rows.map(({ rolname, rolpassword }) => `"${rolname}" "${rolpassword}"\n`).join('')
}

function settings({ adminUrl, settings }: PgBouncerOptions, port: number, userList: string): string {
  const behind = new URL(adminUrl)
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: userList,
    admin_users: OPERATOR,
    pool_mode: 'transaction',
    max_client_conn: '10000',
    default_pool_size: '100',
    // Of all databases and roles together PostgreSQL takes 200, and some are for the superuser.
    max_db_connections: '150',
    // Whoever got no connection by then is told that the database is away, before the client's own limit of 10 s.
    query_wait_timeout: '5',
    // A server that comes back is used within a second.
    server_login_retry: '1',
    server_connect_timeout: '5',
    server_idle_timeout: '60',
    server_lifetime: '3600',
    server_check_delay: '10',
    server_check_query: 'select 1',
    // In transaction mode nothing may be left in a session; that nothing is, is what the tests show.
    server_reset_query: 'discard all',
    server_reset_query_always: '0',
    client_login_timeout: '10',
    tcp_keepalive: '1',
    tcp_keepidle: '30',
    autodb_idle_timeout: '60',
    log_connections: '0',
    log_disconnections: '0',
    log_stats: '0',
    ...settings,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  return [
    '[databases]',
    `* = host=${behind.hostname} port=${behind.port}`,
    '',
    '[pgbouncer]',
    ...lines,
    '',
  ].join('\n')
}
