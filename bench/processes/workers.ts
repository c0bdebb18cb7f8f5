// Workers that tell of as many tasks as asked, over Redis as those of the product do: ids, ends and heartbeats, no work.
import { openRedis, redisFanout } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import { newId } from '../../src/lib/id.ts'
import { keepHistory } from '../../src/tasks/history.ts'
import { QUEUES, type Queue, type TaskEvent } from '../../src/tasks/index.ts'
import {
  BEAT_MS,
  EVENTS_TOPIC,
  type EventBatch,
  type Heartbeat,
  MOST_ACTIVE,
  MOST_EVENTS,
  WORKERS_TOPIC,
} from '../../src/tasks/watching.ts'
import { answerParent } from '../lib/child.ts'

export interface WorkersData {
  redisUrl: string
  databaseUrl: string
}

/** Tells of tasks that begin and end, so many a second until the next question; those that are kept are in the history too. */
export type WorkersJob = { kind: 'work'; perSecond: number; isKept: boolean } | { kind: 'rest' }

const TICK_MS = 100
const WORKERS = 10
const FAILS_EACH = 50

interface Begun {
  id: string
  task: string
  queue: Queue
  attempt: number
  startedAt: number
}

answerParent<WorkersData, object>(async ({ redisUrl, databaseUrl }) => {
  const fail = (error: unknown) => {
    throw error
  }
  const link = openRedis({ url: redisUrl, name: 'bench', onTrouble: () => undefined })
  const fanout = redisFanout(link, fail)
  const db = openDatabase({ url: databaseUrl, pool: 2 })
  const history = keepHistory({ db, onError: fail })
  const startedAt = Date.now()
  let work: NodeJS.Timeout | undefined
  let begun: Begun[][] = Array.from({ length: WORKERS }, () => [])
  let told = 0

  /** Those that began at the last tick end, and as many begin. */
  function tick(count: number, isKept: boolean): void {
    const now = Date.now()
    const next: Begun[][] = []
    for (const [i, before] of begun.entries()) {
      const worker = nameOf(i)
      const events: EventBatch['events'] = []
      for (const task of before) {
        told++
        const isBad = told % FAILS_EACH === 0
        const kind = isBad ? 'retried' : 'succeeded'
        events.push({ ...task, kind, at: now, runMs: now - task.startedAt })
        if (isKept) history.add(endOf(task, worker, now, isBad))
      }
      const after = Array.from({ length: Math.ceil(count / WORKERS) }, () => begin(now))
      next.push(after)
      for (const task of after) events.push({ ...task, kind: 'started', at: now, runMs: null })
      for (let at = 0; at < events.length; at += MOST_EVENTS) {
        const batch: EventBatch = { worker, events: events.slice(at, at + MOST_EVENTS) }
        fanout.publish(EVENTS_TOPIC, batch)
      }
    }
    begun = next
  }

  function beat(): void {
    for (const [i, tasks] of begun.entries()) fanout.publish(WORKERS_TOPIC, heartbeat(i, tasks, startedAt))
  }
  const beats = setInterval(beat, BEAT_MS)

  return {
    ready: {},
    /** How many tasks have ended so far. */
    async answer(job: WorkersJob): Promise<number> {
      clearInterval(work)
      if (job.kind === 'work') {
        const { perSecond, isKept } = job
        work = setInterval(() => tick((perSecond * TICK_MS) / 1_000, isKept), TICK_MS)
      }
      return told
    },
    async stop() {
      clearInterval(work)
      clearInterval(beats)
      await history.stop()
      await Promise.all([link.close(), db.close()])
    },
  }
})

const nameOf = (i: number): string => `samaconso_worker_${i + 1}`

const begin = (now: number): Begun => ({
  id: newId(now),
  task: 'notifications.deliver',
  queue: 'normal',
  attempt: 1,
  startedAt: now,
})

const heartbeat = (i: number, tasks: readonly Begun[], startedAt: number): Heartbeat => ({
  kind: 'heartbeat',
  name: nameOf(i),
  host: 'bench',
  pid: process.pid,
  version: 'bench',
  startedAt,
  at: Date.now(),
  draining: false,
  queues: QUEUES.map(queue => ({
    queue,
    slots: MOST_ACTIVE,
    active: queue === 'normal' ? tasks.length : 0,
    reserved: 0,
  })),
  succeeded: 0,
  failed: 0,
  ratePerSecond: 0,
  loopDelayMs: 0,
  memoryBytes: process.memoryUsage.rss(),
  dropped: { events: 0, history: 0, results: 0 },
  active: tasks.slice(0, MOST_ACTIVE).map(task => ({ ...task, slow: false, stuck: false })),
  activeCount: tasks.length,
})

const endOf = (task: Begun, worker: string, now: number, isBad: boolean): TaskEvent => ({
  kind: isBad ? 'retried' : 'succeeded',
  worker,
  message: { ...task, payload: { deliveryId: task.id }, requestId: null, at: task.startedAt - 20 },
  at: now,
  startedAt: task.startedAt,
  durationMs: now - task.startedAt,
  ...(isBad ? { error: 'FCM did not answer in time' } : {}),
})
