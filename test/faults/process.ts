// A worker or a scheduler as `src/main.ts` starts it, with what only drills need: another clock, and tasks that kill.
import { appendFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { loadConfig } from '../../src/config.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { openLog } from '../../src/observability/index.ts'
import { parseWorkerArgs } from '../../src/roles/run-worker.ts'
import { startScheduler } from '../../src/roles/scheduler.ts'
import { openServices } from '../../src/roles/services.ts'
import { type Stack, stopOnce, stopWithParent } from '../../src/roles/stop.ts'
import { businessHandlers } from '../../src/roles/worker.ts'
import { rabbitMqBroker, startManagedWorker, startRelay } from '../../src/tasks/index.ts'
import { crashTask, noteTask } from './tasks.ts'

const STOP_MS = 20_000

const { values, positionals } = parseArgs({
  options: {
    queues: { type: 'string', default: 'normal,low_priority' },
    concurrency: { type: 'string', default: '4' },
    /** ms that its clock is ahead. */
    'clock-ahead': { type: 'string', default: '0' },
    /** Where done notes are written. */
    notes: { type: 'string' },
  },
  allowPositionals: true,
})
const config = loadConfig(process.env)
const log = openLog({ level: config.logLevel, instance: config.instance })
const ahead = Number(values['clock-ahead'])
const clock: Clock = { now: () => Date.now() + ahead }

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
const services = { ...opened.services, clock }
if (positionals[0] === 'scheduler') stack.push(startScheduler(services).stop)
else {
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
  handlers.on(crashTask, async () => process.kill(process.pid, 'SIGKILL') as unknown as Promise<void>)
  handlers.on(noteTask, async ({ note }) => {
    await new Promise(done => setTimeout(done, 20))
    if (values.notes) appendFileSync(values.notes, `${note}\n`)
  })
  const { db, fanout, shelf } = services
  const worker = await startManagedWorker(handlers, {
    ...{ broker, name, queues, db, fanout, shelf, clock, version: 'drill' },
    onEvent: () => undefined,
    onError: error => log.warn({ event: 'worker_troubled', error }),
  })
  stack.push(() => worker.stop())
}
log.info({ event: 'started', clockAheadMs: ahead })
