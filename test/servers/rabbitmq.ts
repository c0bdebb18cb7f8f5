import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../../src/roles/embedded/ports.ts'
import { leash, type RunningServer, reachable, startServer } from './process.ts'

export interface RabbitMqPorts {
  amqp: number
  management: number
  prometheus: number
  /** Between Erlang nodes, and for `rabbitmqctl`. */
  distribution: number
  /** Of the epmd that belongs to this server alone. */
  epmd: number
}

export interface RunningRabbitMq extends RunningServer {
  /** amqp:// with its user. */
  url: string
  /** Base of the management API, with its user. */
  managementUrl: string
  prometheusPort: number
  /** For a start again at the same addresses. */
  ports: RabbitMqPorts
  /** Runs `rabbitmqctl` against it and gives what that printed; takes seconds. */
  control(...args: string[]): Promise<string>
}

export interface RabbitMqOptions {
  /** All that it writes is below it. An empty folder is a server that lost everything. */
  folder: string
  /** Free ones when absent. */
  ports?: RabbitMqPorts
}

/** Debian's wrapper in /usr/sbin would start an epmd for all addresses. */
export const SBIN = sbin() ?? ''
const USER = 'samaconso'
const PASSWORD = 'rabbitmq-of-the-tests'

function sbin(): string | undefined {
  const versions = '/usr/lib/rabbitmq/lib'
  if (!existsSync(versions)) return undefined
  const newest = readdirSync(versions)
    .filter(name => name.startsWith('rabbitmq_server-'))
    .toSorted()
    .at(-1)
  return newest && join(versions, newest, 'sbin')
}

/**
 * Starts Debian's RabbitMQ with its management and Prometheus plugins on 127.0.0.1. It runs as whoever calls, keeps its
 * epmd to itself, and leaves no process behind however it ends. Start it again with the same folder and ports after a
 * kill, or with another folder and the same ports for one that comes back empty.
 */
export async function startRabbitMq(options: RabbitMqOptions): Promise<RunningRabbitMq> {
  if (!SBIN) throw new Error('RabbitMQ is missing: apt-get install rabbitmq-server')
  const folder = resolve(options.folder)
  const ports = options.ports ?? (await freePorts())
  const environment = await prepare(folder, ports)
  const epmd = await startEpmd(ports.epmd, join(folder, 'epmd.log'))
  try {
    const server = await startServer({
      name: 'RabbitMQ',
      command: [`${SBIN}/rabbitmq-server`],
      port: ports.amqp,
      logFile: join(folder, 'start.log'),
      env: environment,
      cwd: folder,
      ready: async () => {
        await reachable(ports.amqp)
        // The plugins listen last.
        await reachable(ports.prometheus)
        await reachable(ports.management)
      },
      readyMs: 120_000,
    })
    const exited = server.exited.then(epmd.stop)
    return {
      ...server,
      exited,
      async stop() {
        await server.stop()
        await exited
      },
      url: `amqp://${USER}:${PASSWORD}@127.0.0.1:${ports.amqp}`,
      managementUrl: `http://${USER}:${PASSWORD}@127.0.0.1:${ports.management}/api`,
      prometheusPort: ports.prometheus,
      ports,
      async control(...args) {
        const { stdout } = await promisify(execFile)(`${SBIN}/rabbitmqctl`, args, {
          env: { ...process.env, ...environment },
          timeout: 60_000,
        })
        return stdout
      },
    }
  } catch (error) {
    await epmd.stop()
    throw error
  }
}

async function freePorts(): Promise<RabbitMqPorts> {
  const [amqp, management, prometheus, distribution, epmd] = await Promise.all(
    Array.from({ length: 5 }, () => freePort()),
  )
  return { amqp, management, prometheus, distribution, epmd } as RabbitMqPorts
}

/** Writes the server's configuration and gives its environment. */
async function prepare(folder: string, ports: RabbitMqPorts): Promise<Record<string, string>> {
  const path = (name: string) => join(folder, name)
  await mkdir(folder, { recursive: true })
  await rm(path('pid'), { force: true })
  await writeFile(
    path('rabbitmq.conf'),
    `${[
      `listeners.tcp.1 = 127.0.0.1:${ports.amqp}`,
      'management.tcp.ip = 127.0.0.1',
      `management.tcp.port = ${ports.management}`,
      'prometheus.tcp.ip = 127.0.0.1',
      `prometheus.tcp.port = ${ports.prometheus}`,
      `default_user = ${USER}`,
      `default_pass = ${PASSWORD}`,
      'disk_free_limit.absolute = 50MB',
      'collect_statistics_interval = 1000',
    ].join('\n')}\n`,
  )
  await writeFile(path('enabled_plugins'), '[rabbitmq_management,rabbitmq_prometheus].\n')
  const cookie = path('.erlang.cookie')
  if (!existsSync(cookie)) await writeFile(cookie, randomBytes(16).toString('hex'), { mode: 0o400 })
  return {
    HOME: folder,
    RABBITMQ_HOME: resolve(SBIN, '..'),
    // The script then becomes the server instead of staying in front of it, so signals reach the server.
    RUNNING_UNDER_SYSTEMD: 'true',
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: `samaconso${ports.amqp}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(ports.amqp),
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_MNESIA_BASE: path('data'),
    RABBITMQ_LOG_BASE: path('log'),
    RABBITMQ_CONFIG_FILE: path('rabbitmq'),
    RABBITMQ_ENABLED_PLUGINS_FILE: path('enabled_plugins'),
    RABBITMQ_PID_FILE: path('pid'),
    RABBITMQ_GENERATED_CONFIG_DIR: path('generated'),
    RABBITMQ_SCHEMA_DIR: path('schema'),
    RABBITMQ_FEATURE_FLAGS_FILE: path('feature_flags'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      '+S 2:2 +sbwt none -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}',
    // rabbitmqctl: neither a port for others nor an epmd of its own.
    RABBITMQ_CTL_ERL_ARGS: '-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}',
    LANG: 'C.UTF-8',
  }
}

/** Our own epmd: the one that Erlang would start listens on every address and stays behind. */
async function startEpmd(port: number, logFile: string): Promise<{ stop(): Promise<void> }> {
  const log = openSync(logFile, 'a')
  const [program = '', ...args] = [
    ...leash('SIGKILL'),
    ...['epmd', '-port', String(port), '-address', '127.0.0.1'],
  ]
  const child: ChildProcess = spawn(program, args, {
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const exited = new Promise<void>(done => {
    child.once('exit', () => done())
    child.once('error', () => done())
  })
  const stop = async () => {
    child.kill('SIGKILL')
    await exited
  }
  for (const giveUpAt = Date.now() + 10_000; ; ) {
    try {
      await reachable(port)
      return { stop }
    } catch (error) {
      if (child.exitCode !== null || Date.now() > giveUpAt) {
        await stop()
        throw new Error(`epmd did not start on port ${port}`, { cause: error })
      }
    }
    await new Promise(done => setTimeout(done, 20))
  }
}
