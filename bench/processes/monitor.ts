// The task monitor as a process of its own, as roles/run.ts starts it, with workers that tell of as many tasks as asked.
import { loadConfig } from '../../src/config.ts'
import { newId } from '../../src/lib/id.ts'
import { startMonitor } from '../../src/monitor/index.ts'
import { openLog } from '../../src/observability/index.ts'
import { monitorOptions } from '../../src/roles/monitor.ts'
import { openServices } from '../../src/roles/services.ts'
import { keepHistory } from '../../src/tasks/history.ts'
import { inProcessBroker, type TaskEvent } from '../../src/tasks/index.ts'
import { EVENTS_TOPIC, type EventBatch, MOST_EVENTS } from '../../src/tasks/watching.ts'
import { answerParent } from '../lib/child.ts'

export interface MonitorData {
  env: Record<string, string>
  logFile: string
}

/** Tells of tasks that began and ended, so many a second until the next question; those that are kept are in the history too. */
export type MonitorJob = { kind: 'live'; perSecond: number; isKept: boolean } | { kind: 'rest' }

const TICK_MS = 100

answerParent<MonitorData, { port: number }>(async ({ env, logFile }) => {
  const config = loadConfig(env)
  const log = openLog({ level: config.logLevel, instance: config.instance, file: logFile })
  const { services, close } = openServices(config, log, () => undefined)
  const broker = inProcessBroker()
  const monitor = await startMonitor(monitorOptions(services, broker, 'bench'))
  const history = keepHistory({
    db: services.db,
    onError: error => {
      throw error
    },
  })
  let live: NodeJS.Timeout | undefined
  let told = 0

  function tell(count: number, isKept: boolean): void {
    const now = Date.now()
    const events: EventBatch['events'] = []
    for (let i = 0; i < count; i++) {
      told++
      const seen = { id: newId(now), task: 'notifications.deliver', queue: 'normal' as const, attempt: 1 }
      const isBad = told % 50 === 0
      events.push({ ...seen, kind: 'started', at: now - 40, startedAt: now - 40, runMs: null })
      events.push({ ...seen, kind: isBad ? 'retried' : 'succeeded', at: now, startedAt: now - 40, runMs: 40 })
      if (isKept) history.add(endOf(seen, now, isBad))
    }
    for (let i = 0; i < events.length; i += MOST_EVENTS) {
      services.fanout.publish(EVENTS_TOPIC, { worker: 'worker-1', events: events.slice(i, i + MOST_EVENTS) })
    }
  }

  return {
    ready: { port: config.monitorPort },
    async answer(job: MonitorJob): Promise<number> {
      clearInterval(live)
      if (job.kind === 'rest') return told
      const { perSecond, isKept } = job
      live = setInterval(() => tell((perSecond * TICK_MS) / 1_000, isKept), TICK_MS)
      return told
    },
    async stop() {
      clearInterval(live)
      await history.stop()
      await monitor.stop()
      await broker.close()
      await close()
    },
  }
})

const endOf = (
  { id, task, queue, attempt }: { id: string; task: string; queue: 'normal'; attempt: number },
  now: number,
  isBad: boolean,
): TaskEvent => ({
  kind: isBad ? 'retried' : 'succeeded',
  worker: 'worker-1',
  message: { id, task, queue, attempt, payload: { deliveryId: id }, requestId: null, at: now - 60 },
  at: now,
  startedAt: now - 40,
  durationMs: 40,
  ...(isBad ? { error: 'FCM did not answer in time' } : {}),
})
