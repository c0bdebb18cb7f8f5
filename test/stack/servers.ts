import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { randomSecret } from '../../src/lib/secrets.ts'
import { embeddedDefaults } from '../../src/roles/embedded/defaults.ts'
import { freePort } from '../../src/roles/embedded/ports.ts'
import { ensureAppDatabase } from '../../src/roles/embedded/postgres.ts'
import { keptOrMade, loadSecrets } from '../../src/roles/embedded/secrets.ts'
import { type OutsideWorld, startSimulators } from '../../src/roles/embedded/simulators.ts'
import { createBuckets } from '../../src/storage/index.ts'
import { startPgBouncer } from '../servers/pgbouncer.ts'
import { startPostgres } from '../servers/postgres.ts'
import { startRabbitMq } from '../servers/rabbitmq.ts'
import { startRedis } from '../servers/redis.ts'
import { type RunningSwift, startSwift } from '../servers/swift.ts'
import type { Ports } from './ports.ts'
import type { Supervisor } from './supervisor.ts'

/** What the product's processes are told of the servers. */
export interface Served {
  env: Record<string, string>
  databaseUrl: string
  /** The superuser of PostgreSQL, past PgBouncer. */
  adminUrl: string
  outside: OutsideWorld
}

const SIMULATORS = fileURLToPath(new URL('../../simulators/main.ts', import.meta.url))

/** Starts the servers, and gives what the product needs to reach them: secrets of its own among it, kept in the folder. */
export async function startServers(
  supervisor: Supervisor,
  dir: string,
  ports: Ports,
  postgresSettings: Record<string, string> = {},
): Promise<Served> {
  let adminUrl = ''
  let outside: OutsideWorld | undefined
  let rabbitmqUrl = ''
  let redisUrl = ''
  let s3: RunningSwift | undefined
  const rabbitmqPorts = {
    amqp: ports.rabbitmq,
    management: ports.rabbitmqManagement,
    prometheus: ports.rabbitmqMetrics,
    distribution: await freePort(),
    epmd: await freePort(),
  }
  await supervisor.start([
    {
      name: 'postgres',
      async start() {
        const server = await startPostgres({
          folder: join(dir, 'postgres'),
          port: ports.postgres,
          settings: postgresSettings,
        })
        adminUrl = server.adminUrl
        return server
      },
    },
    {
      name: 'simulators',
      async start() {
        const server = startSimulators(SIMULATORS, join(dir, 'outside'), ports.simulators)
        outside = await server.ready
        return server
      },
    },
    {
      name: 'rabbitmq',
      async start() {
        const server = await startRabbitMq({ folder: join(dir, 'rabbitmq'), ports: rabbitmqPorts })
        rabbitmqUrl = server.url
        return server
      },
    },
    {
      name: 'redis',
      async start() {
        const server = await startRedis({ folder: join(dir, 'redis'), port: ports.redis })
        redisUrl = server.url
        return server
      },
    },
    {
      name: 's3',
      async start() {
        s3 = await startSwift({ folder: join(dir, 's3'), port: ports.s3 })
        return { ...s3.server, stop: s3.stop }
      },
    },
  ])
  if (!s3) throw new Error('The object storage did not say where it is.')
  await createBuckets(s3)
  if (!outside) throw new Error('The simulated world did not say where it is.')

  const passwords = await keptOrMade(join(dir, 'stack.json'), () => ({
    app: randomSecret(),
    monitor: randomSecret(),
  }))
  await ensureAppDatabase(adminUrl, passwords.app)
  await supervisor.start([
    {
      name: 'pgbouncer',
      start: () => startPgBouncer({ folder: join(dir, 'pgbouncer'), adminUrl, port: ports.pgbouncer }),
    },
  ])

  const databaseUrl = `postgres://samaconso_app:${passwords.app}@127.0.0.1:${ports.pgbouncer}/samaconso`
  const env: Record<string, string | undefined> = {
    ...embeddedDefaults(outside),
    // Strong secrets and nothing of the demo's: refused otherwise.
    SAMACONSO_MODE: 'production',
    ...(await loadSecrets(dir)),
    MONITOR_PASSWORD: passwords.monitor,
    // Nobody balances here: a restart need not be announced for long.
    DRAIN_SECONDS: '1',
    HOST: '127.0.0.1',
    DATABASE_URL: databaseUrl,
    RABBITMQ_URL: rabbitmqUrl,
    REDIS_URL: redisUrl,
    S3_ENDPOINT: s3.endpoint,
    S3_REGION: s3.region,
    S3_ACCESS_KEY: s3.accessKey,
    S3_SECRET_KEY: s3.secretKey,
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'info',
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    LANG: process.env.LANG,
  }
  const told = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { env: Object.fromEntries(told), databaseUrl, adminUrl, outside }
}
