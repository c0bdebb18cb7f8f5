import { type Config, loadConfig } from '../config.ts'
import { startMonitor } from '../monitor/index.ts'
import { metrics as instruments, type Log, openLog } from '../observability/index.ts'
import type { Services } from '../services.ts'
import { type Broker, rabbitMqBroker, startRelay } from '../tasks/index.ts'
import { startApi } from './api.ts'
import { debugOnSignal } from './log-level.ts'
import { watchBroker } from './measure.ts'
import { startMetrics } from './metrics.ts'
import { monitorOptions } from './monitor.ts'
import { parseWorkerArgs, runWorker } from './run-worker.ts'
import { StartError } from './say.ts'
import { startScheduler } from './scheduler.ts'
import { openServices } from './services.ts'
import { type Stack, stopOnce, stopWithParent } from './stop.ts'
import { startTraces } from './traces.ts'

type Env = Record<string, string | undefined>

/** What a role is started with; what it pushes on the stack is stopped last first. */
interface Process {
  services: Services
  broker: Broker
  version: string
  stack: Stack
  stop: () => Promise<void>
}

/** Beside the time of draining. */
const STOP_MS = 30_000

export const runApi = (env: Env, version: string): Promise<void> =>
  run('api', env, version, async ({ services, broker, version, stack }) => {
    const api = await startApi(services, version, broker.state)
    stack.push(api.stop)
  })

/** `--queues urgent,normal --concurrency 4 --name samaconso_worker_1`; all queues and the settings' own by default. */
export const runWorkerRole = (args: string[], env: Env, version: string): Promise<void> =>
  run('worker', env, version, async ({ services, broker, version, stack, stop }) => {
    const told = new AbortController()
    const wanted = parseWorkerArgs(args, services.config)
    const code = runWorker(wanted, { services, broker, version, signal: told.signal })
    stack.push(async () => {
      told.abort()
      await code
    })
    // One that ended by itself ends its process: the monitor told it to, or a task would not end.
    void code.then(stop).then(async () => process.exit(await code))
  })

export const runScheduler = (env: Env, version: string): Promise<void> =>
  run('scheduler', env, version, async ({ services, stack }) => {
    stack.push(startScheduler(services).stop)
  })

export const runMonitor = (env: Env, version: string): Promise<void> =>
  run('monitor', env, version, async ({ services, broker, version, stack }) => {
    const monitor = await startMonitor(monitorOptions(services, broker, version))
    stack.push(monitor.stop)
  })

/** A role as a process of its own, on the servers that the configuration names. It ends with SIGTERM. */
async function run(
  role: 'api' | 'worker' | 'scheduler' | 'monitor',
  env: Env,
  version: string,
  start: (process: Process) => Promise<void>,
): Promise<void> {
  const config = loadConfig(env)
  refuseAlone(config)
  const log = openLog({ level: config.logLevel, instance: config.instance })
  const stopListening = debugOnSignal(log)
  const stack: Stack = [async () => stopListening()]
  const stop = stopOnce(stack, config.drainSeconds * 1_000 + STOP_MS)
  stopWithParent(stop)
  try {
    stack.push(await startTraces(config, version, log))
    const broker = openBroker(config, log)
    stack.push(broker.close)
    let wakeRelay: () => void = () => undefined
    const { services, ready, close } = openServices(config, log, () => wakeRelay())
    stack.push(close)
    await ready
    if (role !== 'monitor') {
      const onError = (error: unknown) => log.warn({ event: 'relay_failed', error })
      const relay = startRelay({ db: services.db, broker, onError })
      wakeRelay = relay.wake
      stack.push(relay.stop)
    }
    instruments.process.set({ role, version }, 1)
    stack.push(watchBroker(broker))
    const metrics = await startMetrics(config, log)
    stack.push(metrics.stop)
    await start({ services, broker, version, stack, stop })
    log.info({ event: 'started', version, mode: config.mode, metricsPort: metrics.port })
  } catch (error) {
    await stop()
    throw error
  }
}

const openBroker = ({ rabbitmqUrl, rabbitmqCaFile, instance }: Config, log: Log): Broker =>
  rabbitMqBroker({
    url: rabbitmqUrl,
    caFile: rabbitmqCaFile || undefined,
    name: instance,
    onError: error => log.warn({ event: 'rabbitmq_troubled', error }),
  })

/** Processes of their own meet in RabbitMQ, Redis and the object storage: without them, each would work for nobody. */
function refuseAlone({ rabbitmqUrl, redisUrl, s3Endpoint }: Config): void {
  const needed = { RABBITMQ_URL: rabbitmqUrl, REDIS_URL: redisUrl, S3_ENDPOINT: s3Endpoint }
  const missing = Object.entries(needed).flatMap(([name, value]) => (value ? [] : [name]))
  if (missing.length === 0) return
  throw new StartError({
    fr: `Il manque ${missing.join(', ')} : les rôles séparés s’y retrouvent (« samaconso all » s’en passe).`,
    en: `${missing.join(', ')} missing: separate roles meet there (\`samaconso all\` does without).`,
  })
}
