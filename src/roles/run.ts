import { parseArgs } from 'node:util'
import { type Config, loadConfig } from '../config.ts'
import { startMonitor } from '../monitor/index.ts'
import { type Log, openLog } from '../observability/index.ts'
import type { Services } from '../services.ts'
import {
  type Broker,
  MOST_SLOTS,
  QUEUES,
  type Queue,
  rabbitMqBroker,
  startRelay,
  type Worker,
} from '../tasks/index.ts'
import { startApi } from './api.ts'
import { startMetrics } from './metrics.ts'
import { monitorOptions } from './monitor.ts'
import { StartError } from './say.ts'
import { startScheduler } from './scheduler.ts'
import { openServices } from './services.ts'
import { type Stack, stopOnce, stopWithParent } from './stop.ts'
import { evenly, startWorkerRole } from './worker.ts'

type Env = Record<string, string | undefined>

/** What a role is started with; what it pushes on the stack is stopped last first. */
interface Process {
  services: Services
  broker: Broker
  version: string
  stack: Stack
}

/** Beside the time of draining. */
const STOP_MS = 30_000
/** A worker is given this long to finish what it holds. */
const GRACE_MS = 20_000
/** The code of a worker that a stuck task made end: its supervisor starts it again (sysexits: a temporary failure). */
const STUCK = 75

export const runApi = (env: Env, version: string): Promise<void> =>
  run(env, version, true, async ({ services, broker, version, stack }) => {
    const api = await startApi(services, version, broker.state)
    stack.push(api.stop)
  })

/** `--queues urgent,normal --concurrency 4 --name samaconso_worker_1`; all queues and the settings' own by default. */
export async function runWorker(args: string[], env: Env, version: string): Promise<void> {
  const wanted = workerArguments(args)
  await run(env, version, true, async ({ services, broker, version, stack }) => {
    const { config } = services
    const worker = await startWorkerRole(services, {
      broker,
      name: wanted.name ?? config.instance,
      queues: evenly(wanted.queues, wanted.concurrency ?? config.workerSlots),
      version,
    })
    stack.push(() => worker.stop(GRACE_MS))
    void worker.ended.then(endWith(stack))
  })
}

export const runScheduler = (env: Env, version: string): Promise<void> =>
  run(env, version, true, async ({ services, stack }) => {
    stack.push(startScheduler(services).stop)
  })

export const runMonitor = (env: Env, version: string): Promise<void> =>
  run(env, version, false, async ({ services, broker, version, stack }) => {
    const monitor = await startMonitor(monitorOptions(services, broker, version))
    stack.push(monitor.stop)
  })

/** A role as a process of its own, on the servers that the configuration names. It ends with SIGTERM. */
async function run(
  env: Env,
  version: string,
  relays: boolean,
  start: (process: Process) => Promise<void>,
): Promise<void> {
  const config = loadConfig(env)
  refuseAlone(config)
  const log = openLog({ level: config.logLevel, instance: config.instance })
  const stack: Stack = []
  const stop = stopOnce(stack, config.drainSeconds * 1_000 + STOP_MS)
  stopWithParent(stop)
  try {
    const broker = openBroker(config, log)
    stack.push(broker.close)
    let wakeRelay: () => void = () => undefined
    const { services, close } = openServices(config, log, () => wakeRelay())
    stack.push(close)
    if (relays) {
      const onError = (error: unknown) => log.warn({ event: 'relay_failed', error })
      const relay = startRelay({ db: services.db, broker, onError })
      wakeRelay = relay.wake
      stack.push(relay.stop)
    }
    const metrics = await startMetrics(config, log)
    stack.push(metrics.stop)
    await start({ services, broker, version, stack })
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

/** Roles that are processes of their own meet in RabbitMQ and Redis: without them, each would work for nobody. */
function refuseAlone({ rabbitmqUrl, redisUrl }: Config): void {
  const missing = [rabbitmqUrl ? '' : 'RABBITMQ_URL', redisUrl ? '' : 'REDIS_URL'].filter(Boolean)
  if (missing.length === 0) return
  throw new StartError({
    fr: `Il manque ${missing.join(' et ')} : les rôles séparés s’y retrouvent (« samaconso all » s’en passe).`,
    en: `${missing.join(' and ')} missing: separate roles meet there (\`samaconso all\` does without).`,
  })
}

/** A worker that ended by itself ends its process: told to by the monitor, or for a task that would not end. */
const endWith =
  (stack: Stack) =>
  async (end: Awaited<Worker['ended']>): Promise<void> => {
    if (process.exitCode !== undefined) return
    await stopOnce(stack, STOP_MS)()
    process.exit(end === 'stuck' ? STUCK : 0)
  }

interface WorkerArguments {
  queues: readonly Queue[]
  concurrency: number | undefined
  name: string | undefined
}

/** Throws `StartError` with what would be right. */
export function workerArguments(args: string[]): WorkerArguments {
  const { values } = parse(args)
  const queues = (values.queues ?? QUEUES.join(',')).split(',').map(name => name.trim())
  const unknown = queues.find(name => !QUEUES.includes(name as Queue))
  if (unknown !== undefined || new Set(queues).size < queues.length) {
    throw new StartError({
      fr: `--queues ${values.queues} : des files parmi ${QUEUES.join(', ')}, chacune une fois, séparées par des virgules.`,
      en: `--queues ${values.queues}: queues of ${QUEUES.join(', ')}, each once, separated by commas.`,
    })
  }
  const { concurrency } = values
  const slots = concurrency === undefined ? undefined : Number(concurrency)
  if (slots !== undefined && !(Number.isInteger(slots) && slots >= 1 && slots <= MOST_SLOTS)) {
    throw new StartError({
      fr: `--concurrency ${concurrency} : un nombre de 1 à ${MOST_SLOTS}.`,
      en: `--concurrency ${concurrency}: a number from 1 to ${MOST_SLOTS}.`,
    })
  }
  return { queues: queues as Queue[], concurrency: slots, name: values.name }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: { queues: { type: 'string' }, concurrency: { type: 'string' }, name: { type: 'string' } },
    })
  } catch (error) {
    const { message } = error as Error
    throw new StartError({
      fr: `worker --queues urgent,normal --concurrency 4 --name nom (${message})`,
      en: `worker --queues urgent,normal --concurrency 4 --name name (${message})`,
    })
  }
}
