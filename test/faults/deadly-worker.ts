// A worker as `src/main.ts` starts it, with what only drills need: tasks that kill their process, and tasks that tell.
import { appendFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { loadConfig } from '../../src/config.ts'
import { openLog } from '../../src/observability/index.ts'
import { parseWorkerArgs } from '../../src/roles/run-worker.ts'
import { openServices } from '../../src/roles/services.ts'
import { type Stack, stopOnce, stopWithParent } from '../../src/roles/stop.ts'
import { businessHandlers } from '../../src/roles/worker.ts'
import { rabbitMqBroker, startManagedWorker, startRelay } from '../../src/tasks/index.ts'
import { crashTask, noteTask } from './tasks.ts'

const STOP_MS = 20_000

const { values } = parseArgs({
  options: {
    queues: { type: 'string', default: 'normal,low_priority' },
    concurrency: { type: 'string', default: '4' },
    /** Where done notes are written. */
    notes: { type: 'string' },
  },
})
const config = loadConfig(process.env)
const log = openLog({ level: config.logLevel, instance: config.instance })

const stack: Stack = []
stopWithParent(stopOnce(stack, STOP_MS))
const broker = rabbitMqBroker({
  url: config.rabbitmqUrl,
  name: config.instance,
  onError: error => log.warn({ event: 'rabbitmq_troubled', error }),
})
stack.push(broker.close)
let wake: () => void = () => undefined
const opened = openServices(config, log, () => wake())
stack.push(opened.close)
const { services } = opened
await opened.ready
const relay = startRelay({
  db: services.db,
  broker,
  onError: error => log.warn({ event: 'relay_failed', error }),
})
wake = relay.wake
stack.push(relay.stop)
const { name, queues } = parseWorkerArgs(
  ['--queues', values.queues, '--concurrency', values.concurrency],
  config,
)
const handlers = businessHandlers(services)
handlers.on(crashTask, async () => void process.kill(process.pid, 'SIGKILL'))
handlers.on(noteTask, async ({ note }) => {
  await pause(20)
  if (values.notes) appendFileSync(values.notes, `${note}\n`)
})
const { db, fanout, shelf, clock } = services
const worker = await startManagedWorker(handlers, {
  ...{ broker, name, queues, db, fanout, shelf, clock, version: 'drill' },
  onEvent: () => undefined,
  onError: error => log.warn({ event: 'worker_troubled', error }),
})
stack.push(() => worker.stop())
log.info({ event: 'started' })
