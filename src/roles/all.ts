import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { loadConfig } from '../config.ts'
import { migrate, openDatabase } from '../db/index.ts'
import { loadDemoAccounts } from '../modules/accounts/index.ts'
import { ensureAgencies } from '../modules/agencies/index.ts'
import { linkDemoMeters } from '../modules/meters/index.ts'
import { reviveDeliveries } from '../modules/notifications/index.ts'
import { startMonitor } from '../monitor/index.ts'
import { metrics as instruments, openLog } from '../observability/index.ts'
import { inProcessBroker, QUEUES, startRelay } from '../tasks/index.ts'
import { type ApiRole, startApi } from './api.ts'
import { dim, green, welcome } from './embedded/box.ts'
import {
  claimDataDir,
  dataDirOf,
  emptyDataDir,
  FILES,
  logFileOf,
  removeRunFile,
  writeRunFile,
} from './embedded/data-dir.ts'
import { embeddedDefaults } from './embedded/defaults.ts'
import { explainStart } from './embedded/faults.ts'
import { demoPorts } from './embedded/ports.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded/postgres.ts'
import { loadSecrets } from './embedded/secrets.ts'
import { startSimulators } from './embedded/simulators.ts'
import { keepWorker } from './keep.ts'
import { debugOnSignal } from './log-level.ts'
import { startMetrics } from './metrics.ts'
import { monitorOptions } from './monitor.ts'
import { say, type Words } from './say.ts'
import { startScheduler } from './scheduler.ts'
import { openServices } from './services.ts'
import { type Stack, stopOnce, stopWithParent } from './stop.ts'
import { startTraces } from './traces.ts'
import { evenly, startWorkerRole } from './worker.ts'

type Env = Record<string, string | undefined>

const SIMULATORS = fileURLToPath(new URL('../../simulators/main.ts', import.meta.url))
const STOP_MS = 4_500
const MIGRATION_MS = 3_600_000
const SERVING_MS = 10_000

/** The whole product in one process, its database and the simulated world beside it: `npm start`. */
export async function runAll(args: string[], env: Env, version: string): Promise<void> {
  const dir = dataDirOf(env)
  const { release } = await claimDataDir(dir)
  const stack: Stack = [release]
  const stop = stopOnce(stack, STOP_MS)
  stopWithParent(stop)
  let serverLog = async () => ''
  try {
    const ports = await demoPorts(env)
    if (args.includes('--reset')) await emptyDataDir(dir)
    await start(dir, {
      env,
      ports,
      version,
      stack,
      onServer: server => {
        serverLog = server.logTail
      },
    })
  } catch (error) {
    const explained = explainStart(error, dir, await serverLog())
    await stop()
    throw explained
  }
}

interface Start {
  env: Env
  ports: Awaited<ReturnType<typeof demoPorts>>
  version: string
  /** How to stop what was started so far. */
  stack: Stack
  onServer: (server: EmbeddedPostgres) => void
}

async function start(dir: string, { env, ports, version, stack, onServer }: Start): Promise<void> {
  const secrets = await loadSecrets(dir)
  // Neither needs the other: they stop side by side as they start.
  const servers: Stack = []
  stack.push(() => Promise.all(servers.map(stop => stop())))
  const [postgres, outside] = await Promise.all([
    step({ fr: 'Base de données', en: 'Database' }, async () => {
      const server = await startEmbeddedPostgres({ folder: join(dir, 'postgres') })
      servers.push(server.stop)
      onServer(server)
      return server
    }),
    step(
      { fr: 'Monde simulé (SIC, Postpaid, FCM, SMS)', en: 'Simulated world (SIC, Postpaid, FCM, SMS)' },
      async () => {
        const world = startSimulators(SIMULATORS, join(dir, 'outside'), ports.SIMULATOR_PORT)
        servers.push(world.stop)
        return world.ready
      },
    ),
  ])
  const config = loadConfig({
    ...embeddedDefaults(outside),
    ...secrets,
    ...env,
    ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])),
    // Some shells give it the name of the machine; the demo is for this machine alone.
    HOST: '127.0.0.1',
    STORAGE_FOLDER: join(dir, FILES),
    DATABASE_URL: postgres.url,
  })
  const log = openLog({ level: config.logLevel, instance: config.instance, file: await logFileOf(dir) })
  const stopListening = debugOnSignal(log)
  stack.push(async () => stopListening())
  stack.push(await startTraces(config, version, log))

  await step({ fr: 'Structure des données', en: 'Data structure' }, async () => {
    const db = openDatabase({ url: postgres.url, pool: 1, statementTimeout: MIGRATION_MS })
    await migrate(db).finally(() => db.close())
  })

  let wakeRelay: () => void = () => undefined
  const opened = openServices(config, log, () => wakeRelay())
  stack.push(opened.close)
  await opened.ready
  const { services } = opened
  await step({ fr: 'Comptes de démonstration', en: 'Demo accounts' }, async () => {
    await ensureAgencies(services, await demoAgencies())
    await linkDemoMeters(services, await loadDemoAccounts(services))
  })

  const roles = await step(
    { fr: 'API, worker, planificateur, moniteur', en: 'API, worker, scheduler, monitor' },
    async () => {
      const broker = inProcessBroker()
      stack.push(broker.close)
      const relay = startRelay({
        db: services.db,
        broker,
        onError: error => log.warn({ event: 'relay_failed', error }),
      })
      wakeRelay = relay.wake
      stack.push(relay.stop)
      // Nobody else can hold a lease on this database: what a killed process held is free at once.
      await reviveDeliveries(services)
      const queues = evenly(QUEUES, config.workerSlots)
      const worker = await keepWorker(
        () => startWorkerRole(services, { broker, name: 'samaconso_worker_1', role: 'all', queues, version }),
        log,
      )
      stack.push(() => worker.stop(2_000))
      stack.push(startScheduler(services).stop)
      instruments.process.set({ role: 'all', version }, 1)
      const metrics = await startMetrics(config, log)
      stack.push(metrics.stop)
      const monitor = await startMonitor(monitorOptions(services, broker, version))
      stack.push(monitor.stop)
      const api = await startApi(services, version, broker.state)
      stack.push(api.stop)
      await serving(api)
      return { api, metrics }
    },
  )

  await writeRunFile(dir, {
    pid: process.pid,
    databaseUrl: postgres.url,
    ports: { ...ports, POSTGRES_PORT: postgres.port, METRICS_PORT: roles.metrics.port },
    proxyUrl: outside.proxy.url,
    settings: embeddedDefaults(outside),
    startedAt: new Date().toISOString(),
  })
  stack.push(() => removeRunFile(dir))
  log.info({ event: 'started', version, mode: config.mode })
  write(
    `\n${welcome({
      api: `http://127.0.0.1:${ports.PORT}`,
      monitor: `http://127.0.0.1:${ports.MONITOR_PORT}`,
      simulators: outside.control,
      dataDir: dir,
    })}\n`,
  )
}

/** Until it tells that it serves, or long enough: its first look at the database takes a while on a busy machine. */
async function serving({ status, looked }: ApiRole): Promise<void> {
  const giveUpAt = performance.now() + SERVING_MS
  await Promise.race([looked, pause(SERVING_MS, undefined, { ref: false })])
  while (status() !== 'running' && performance.now() < giveUpAt) await pause(50)
}

/** The agencies of the simulated world, by number. */
export async function demoAgencies(): Promise<{ id: number; name: string }[]> {
  const { AGENCIES } = await import('../../simulators/world/agencies.ts')
  return AGENCIES.map((name, id) => ({ id, name }))
}

export async function step<T>(name: Words, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now()
  const result = await work()
  write(`${green('✓')} ${say(name)} ${dim(`${((performance.now() - startedAt) / 1_000).toFixed(1)} s`)}\n`)
  return result
}

const write = (text: string) => process.stdout.write(text)
