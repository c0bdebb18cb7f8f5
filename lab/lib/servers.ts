import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SBIN } from '../../test/servers/rabbitmq.ts'
import { readYaml } from './inventory.ts'
import { inPlace } from './network.ts'
import type { Machine } from './places.ts'
import { run } from './run.ts'
import type { Service } from './units.ts'

const POSTGRES = { uid: 'postgres', gid: 'postgres' }
/** What containers of RabbitMQ and Redis run as, and own their files as. */
export const CONTAINER = { uid: '999', gid: '999' }
const STORAGE = fileURLToPath(new URL('../processes/storage.ts', import.meta.url))
const connects = (host: string, port: number) => ['bash', '-c', `exec 3<>/dev/tcp/${host}/${port}`]
const answers = (url: string) => ['curl', '-sfo', '/dev/null', '--max-time', '3', url]

/** Server 1: PostgreSQL, PgBouncer, the object storage; what the machine's own services do on a real one. */
export async function dataServices(root: string): Promise<Service[]> {
  const { bin, data, socket } = await preparePostgres(root)
  const psql = [...asPostgres, 'psql', '-XqAt', '-h', socket, '-U', 'postgres', '-d', 'postgres', '-c']
  return [
    {
      name: 'postgresql',
      place: 'server1',
      user: POSTGRES,
      command: async () => ({ command: [join(bin, 'postgres'), '-D', data] }),
      ready: [...psql, 'select 1'],
      // As its unit does: see service.conf.j2.
      afterStart: [...psql, 'select pg_reload_conf()'],
      // Fast: sessions are ended, nothing is lost.
      stopSignal: 'SIGINT',
      stopMs: 30_000,
    },
    {
      name: 'pgbouncer',
      place: 'server1',
      command: async () => ({
        command: ['/usr/sbin/pgbouncer', '-u', 'postgres', join(root, 'etc/pgbouncer/pgbouncer.ini')],
      }),
      ready: connects('192.0.2.11', 6432),
    },
    {
      name: 'storage',
      place: 'server1',
      command: async () => ({ command: [process.execPath, STORAGE, join(root, 'var/lib/storage')] }),
      ready: answers('http://192.0.2.11:9000/healthcheck'),
    },
  ]
}

const asPostgres = ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', '--']

/** Gives files their owners and makes an empty cluster on the settings of deploy/, with its roles once it runs. */
async function preparePostgres(root: string) {
  const bin =
    /^PG_BIN=(.*)$/m.exec(await readFile(join(root, 'etc/samaconso/backup.conf'), 'utf8'))?.[1] ?? ''
  const version = bin.split('/').at(-2) ?? ''
  const data = join(root, 'var/lib/postgresql', version, 'main')
  const folders = ['var/run/postgresql', 'var/log/postgresql', 'var/log/pgbackrest', 'tmp/pgbackrest']
  const backups = ['pgbackrest', 'dumps', 'files'].map(name => `var/backups/samaconso/${name}`)
  for (const path of [...folders, ...backups]) await mkdir(join(root, path), { recursive: true })
  await mkdir(data, { recursive: true })
  const owned = [
    'var',
    'tmp',
    'etc/pgbackrest',
    'etc/postgresql',
    'etc/pgbouncer',
    'etc/samaconso/postgresql',
  ]
  await run(['chown', '-R', 'postgres:postgres', ...owned.map(path => join(root, path))])
  for (const name of ['postgresql', 'pgbouncer'])
    await run(['chown', 'postgres', join(root, 'etc/samaconso/tls', `${name}.key`)])
  await chmod(data, 0o700)
  await run([...asPostgres, join(bin, 'initdb'), '-D', data, '-A', 'peer', '--no-sync'], { cwd: '/' })
  const included = `include_dir '${join(root, 'etc/postgresql', version, 'main/conf.d')}'`
  await run(['sh', '-c', 'echo "$1" >>"$2"', 'sh', included, join(data, 'postgresql.conf')])
  return { bin, data, socket: join(root, 'var/run/postgresql') }
}

/** A statement of the superuser on server 1, by its socket. */
export const sql = (root: string, statement: string, database = 'samaconso'): Promise<string> =>
  run(
    [
      ...[...inPlace('server1'), ...asPostgres, 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1'],
      ...['-h', join(root, 'var/run/postgresql'), '-d', database, '-c', statement],
    ],
    { cwd: '/' },
  )

/** Roles, database and rights, and the place of the archived log: what Ansible does once PostgreSQL runs. */
export async function bringUpDatabase(root: string): Promise<void> {
  const within = [...inPlace('server1'), ...asPostgres]
  const socket = join(root, 'var/run/postgresql')
  const roles = join(root, 'etc/samaconso/postgresql/roles.sql')
  await run(
    [...within, 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-h', socket, '-d', 'postgres', '-f', roles],
    {
      cwd: '/',
    },
  )
  // Of a server that is built anew, it is there with all its backups.
  if (existsSync(join(root, 'var/backups/samaconso/pgbackrest/archive/samaconso/archive.info'))) return
  const config = `--config=${join(root, 'etc/pgbackrest/pgbackrest.conf')}`
  await run([...within, 'pgbackrest', config, '--stanza=samaconso', 'stanza-create'], { cwd: '/' })
}

/** Server 2's broker, in the environment that its container gets. */
export async function brokerService(root: string): Promise<Service> {
  const home = join(root, 'var/lib/samaconso/rabbitmq')
  await mkdir(home, { recursive: true })
  const compose = await readCompose(root, 'docker-compose.production.yml')
  const given = compose.services.samaconso_rabbitmq?.environment ?? {}
  await ownedByContainer([home, join(root, 'etc/rabbitmq'), join(root, 'etc/samaconso/tls/rabbitmq.key')])
  const path = (name: string) => join(home, name)
  return {
    name: 'samaconso_rabbitmq',
    place: 'server2',
    user: CONTAINER,
    command: async () => ({
      command: [`${SBIN}/rabbitmq-server`],
      cwd: home,
      env: {
        ...given,
        HOME: home,
        RABBITMQ_HOME: join(SBIN, '..'),
        // The script then becomes the server instead of staying in front of it, so signals reach the server.
        RUNNING_UNDER_SYSTEMD: 'true',
        RABBITMQ_CONFIG_FILE: join(root, 'etc/rabbitmq/rabbitmq'),
        RABBITMQ_ENABLED_PLUGINS_FILE: join(root, 'etc/rabbitmq/enabled_plugins'),
        RABBITMQ_MNESIA_BASE: path('mnesia'),
        RABBITMQ_LOG_BASE: path('log'),
        RABBITMQ_PID_FILE: path('pid'),
        RABBITMQ_GENERATED_CONFIG_DIR: path('generated'),
        RABBITMQ_SCHEMA_DIR: path('schema'),
        RABBITMQ_FEATURE_FLAGS_FILE: path('feature_flags'),
        // Two processors for all machines.
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `+S 2:2 +sbwt none ${given.RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS ?? ''}`,
        LANG: 'C.UTF-8',
      },
    }),
    ready: [
      'bash',
      '-c',
      'exec 3<>/dev/tcp/127.0.0.1/5672 4<>/dev/tcp/127.0.0.1/15672 5<>/dev/tcp/127.0.0.1/15692',
    ],
    readyMs: 120_000,
    stopMs: 30_000,
  }
}

/** Server 3's cache. */
export async function cacheService(root: string): Promise<Service> {
  const data = join(root, 'var/lib/samaconso/redis')
  await mkdir(data, { recursive: true })
  await ownedByContainer([data, join(root, 'etc/samaconso/redis')])
  return {
    name: 'samaconso_redis',
    place: 'server3',
    user: CONTAINER,
    command: async () => ({
      command: ['/usr/bin/redis-server', join(root, 'etc/samaconso/redis/redis.conf')],
      cwd: data,
    }),
    ready: ['sh', '-c', 'redis-cli ping | grep -q PONG'],
  }
}

/** In front: HAProxy. */
export async function balancerService(root: string): Promise<Service> {
  await mkdir(join(root, 'run/haproxy'), { recursive: true })
  return {
    name: 'haproxy',
    place: 'balancer1',
    command: async () => ({
      command: ['/usr/sbin/haproxy', '-W', '-db', '-f', join(root, 'etc/haproxy/haproxy.cfg')],
    }),
    ready: answers('http://192.0.2.9:8404/alive'),
    // At once: whoever restarts it on purpose reloads it instead.
    stopSignal: 'SIGTERM',
  }
}

export interface ComposeService {
  image: string
  command?: readonly string[]
  environment?: Record<string, string>
}

/** A compose file that deploy/ wrote. */
export const readCompose = (
  root: string,
  name: string,
): Promise<{ services: Record<string, ComposeService> }> => readYaml(join(root, 'opt/samaconso', name))

async function ownedByContainer(paths: readonly string[]): Promise<void> {
  for (const path of paths) await run(['chown', '-R', `${CONTAINER.uid}:${CONTAINER.gid}`, path])
}

export const machineRoot = (machines: string, machine: Machine): string => join(machines, machine)
