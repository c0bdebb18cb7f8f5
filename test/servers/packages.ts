import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { StartError, say } from '../../src/roles/say.ts'
import { PGBOUNCER } from './pgbouncer.ts'
import { postgresPrograms } from './postgres.ts'

export type ServerName =
  | 'postgres'
  | 'pgbouncer'
  | 'rabbitmq'
  | 'redis'
  | 'swift'
  | 'prometheus'
  | 'deploy'
  | 'chromium'

/** What the product stands on in production. */
export const PRODUCT_SERVERS: readonly ServerName[] = ['postgres', 'pgbouncer', 'rabbitmq', 'redis', 'swift']

/** What `npm test` takes. */
export const SUITE_SERVERS: readonly ServerName[] = [...PRODUCT_SERVERS, 'prometheus', 'deploy']

/** What opens the web pages in tests. */
export const BROWSER: readonly ServerName[] = ['chromium']

interface Needed {
  /** As people call it. */
  title: string
  /** Debian's packages. */
  packages: readonly string[]
  isThere(): boolean | Promise<boolean>
  /** Set when somebody's own server is used instead. */
  given: readonly string[]
}

const DATABASE_GIVEN = ['TEST_DATABASE_URL', 'TEST_DATABASE_ADMIN_URL']
const RABBITMQ = '/usr/lib/rabbitmq/lib'
const PACKAGES_MS = 15 * 60_000
const APT = '/usr/bin/apt-get'

/** Where Prometheus's and Alertmanager's programs are, by Debian's names; Debian's own when it is not said. */
export const prometheusTool = (
  name: 'promtool' | 'amtool' | 'prometheus' | 'prometheus-alertmanager',
): string => join(process.env.TEST_PROMETHEUS_FOLDER ?? '/usr/bin', name)

const programs = (...paths: string[]) => paths.every(path => existsSync(path))

const NEEDED: Record<ServerName, Needed> = {
  postgres: {
    title: 'PostgreSQL',
    packages: ['postgresql'],
    isThere: async () => (await postgresPrograms()) !== null,
    given: DATABASE_GIVEN,
  },
  pgbouncer: {
    title: 'PgBouncer',
    packages: ['pgbouncer'],
    isThere: () => programs(PGBOUNCER),
    given: DATABASE_GIVEN,
  },
  rabbitmq: {
    title: 'RabbitMQ',
    packages: ['rabbitmq-server'],
    async isThere() {
      const versions = await readdir(RABBITMQ).catch(() => [])
      return versions.some(version => programs(join(RABBITMQ, version, 'sbin', 'rabbitmq-server')))
    },
    given: ['TEST_RABBITMQ_URL'],
  },
  redis: {
    title: 'Redis',
    packages: ['redis-server'],
    isThere: () => programs('/usr/bin/redis-server'),
    given: ['TEST_REDIS_URL'],
  },
  swift: {
    title: 'OpenStack Swift (S3)',
    packages: ['swift-proxy', 'swift-account', 'swift-container', 'swift-object', 'memcached'],
    isThere: () =>
      programs(
        ...['proxy', 'account', 'container', 'object'].map(part => `/usr/bin/swift-${part}-server`),
        '/usr/bin/memcached',
      ),
    given: ['TEST_S3_ENDPOINT', 'TEST_S3_ACCESS_KEY', 'TEST_S3_SECRET_KEY'],
  },
  prometheus: {
    title: 'Prometheus and Alertmanager',
    packages: ['prometheus', 'prometheus-alertmanager'],
    isThere: () =>
      programs(
        ...(['promtool', 'amtool', 'prometheus', 'prometheus-alertmanager'] as const).map(prometheusTool),
      ),
    given: ['TEST_PROMETHEUS_FOLDER'],
  },
  // What reads the files of deploy/ in production, and says whether they are right.
  deploy: {
    title: 'Ansible, nftables, HAProxy, pgBackRest, rclone, ShellCheck, debootstrap',
    packages: [
      ...['ansible', 'ansible-lint', 'debootstrap', 'nftables', 'haproxy', 'pgbackrest', 'shellcheck'],
      ...['openssh-server', 'docker-compose', 'iproute2', 'postgresql-client', 'rclone'],
    ],
    isThere: () =>
      programs(
        ...['/usr/bin/ansible-playbook', '/usr/bin/ansible-lint', '/usr/sbin/debootstrap'],
        ...['/usr/sbin/nft', '/usr/sbin/haproxy', '/usr/bin/pgbackrest', '/usr/bin/rclone'],
        ...['/usr/bin/shellcheck', '/usr/sbin/sshd', '/usr/bin/docker-compose', '/usr/bin/psql'],
      ),
    // Programs of this machine: nobody's server stands for them.
    given: [],
  },
  chromium: {
    title: 'Chromium',
    packages: ['chromium'],
    isThere: () => programs('/usr/bin/chromium'),
    given: ['TEST_CHROMIUM'],
  },
}

export interface Machine {
  env: Record<string, string | undefined>
  uid: number
  hasApt: boolean
  isThere(name: ServerName): Promise<boolean>
  /** Runs a command to its end and shows what it prints; false when it fails. */
  run(command: readonly string[]): Promise<boolean>
  write(text: string): void
}

const thisMachine = (): Machine => ({
  env: process.env,
  uid: userInfo().uid,
  hasApt: existsSync(APT),
  isThere: async name => NEEDED[name].isThere(),
  run: runCommand,
  write: text => void process.stderr.write(text),
})

/**
 * Sees to it that the programs of the servers are on the machine: installs what is missing where `CI` or
 * `SAMACONSO_INSTALL=1` says so, and rejects with one sentence that says what to do elsewhere. A server whose address is
 * given in the environment is not needed.
 */
export async function needServers(
  names: readonly ServerName[],
  machine: Machine = thisMachine(),
): Promise<void> {
  const missing = await missingOf(names, machine)
  if (missing.length === 0) return
  const packages = missing.flatMap(name => NEEDED[name].packages)
  const titles = missing.map(name => NEEDED[name].title).join(', ')
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages]
  if (!machine.hasApt) throw withoutApt(titles, missing)
  const mayInstall = Boolean(machine.env.CI) || machine.env.SAMACONSO_INSTALL === '1'
  if (!mayInstall || machine.uid !== 0) throw notThere(titles, install, machine.uid)

  machine.write(say({ fr: `Installation de ${titles}…\n`, en: `Installing ${titles}…\n` }))
  const apt = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', '-o', 'DPkg::Lock::Timeout=300']
  const works = (await machine.run([...apt, 'update'])) && (await machine.run([...apt, ...install.slice(1)]))
  if (!works || (await missingOf(missing, machine)).length > 0) {
    throw new StartError({
      fr: `L’installation de ${titles} a échoué : voyez ci-dessus, puis « ${install.join(' ')} ».`,
      en: `Installing ${titles} failed: see above, then \`${install.join(' ')}\`.`,
    })
  }
}

async function missingOf(names: readonly ServerName[], machine: Machine): Promise<ServerName[]> {
  const asked = names.filter(name => {
    const { given } = NEEDED[name]
    return given.length === 0 || !given.every(variable => machine.env[variable])
  })
  const there = await Promise.all(asked.map(name => machine.isThere(name)))
  return asked.filter((_, i) => !there[i])
}

function notThere(titles: string, install: readonly string[], uid: number): StartError {
  const command = `${uid === 0 ? '' : 'sudo '}${install.join(' ')}`
  return new StartError({
    fr: `Il manque à cette machine, pour les tests : ${titles}. Installez avec « ${command} », puis recommencez.`,
    en: `The tests need what this machine lacks: ${titles}. Install it with \`${command}\`, then start again.`,
  })
}

function withoutApt(titles: string, missing: readonly ServerName[]): StartError {
  const variables = [...new Set(missing.flatMap(name => NEEDED[name].given))].join(', ')
  return new StartError({
    fr: `Il manque à cette machine, pour les tests : ${titles}. Les tests les démarrent sur Debian et Ubuntu ; ailleurs, donnez les adresses de vos serveurs (${variables}).`,
    en: `The tests need what this machine lacks: ${titles}. They start them on Debian and Ubuntu; elsewhere give the addresses of servers of yours (${variables}).`,
  })
}

function runCommand([program = '', ...args]: readonly string[]): Promise<boolean> {
  return new Promise(done => {
    // Its progress is not the answer of the command that was typed.
    const child = spawn(program, args, { stdio: ['ignore', 2, 2], timeout: PACKAGES_MS })
    child.once('error', () => done(false))
    child.once('exit', code => done(code === 0))
  })
}
