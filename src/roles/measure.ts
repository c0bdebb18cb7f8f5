import type { BackOffice } from '../backoffice/types.ts'
import type { Cache } from '../cache/index.ts'
import type { PushChannel, SmsChannel } from '../channels/types.ts'
import type { Database } from '../db/index.ts'
import { metrics, onScrape, timed } from '../observability/index.ts'
import type { Storage } from '../storage/index.ts'
import type { Broker, TaskEvent } from '../tasks/index.ts'

/** Since the metrics were last read: added up here, since a cache is read more often than a counter likes. */
const since = { reads: 0, loads: 0 }
onScrape(() => {
  metrics.cacheReads.inc(since.reads)
  metrics.cacheLoads.inc(since.loads)
  since.reads = 0
  since.loads = 0
})

/** The same cache, counted: who asks, and what had to be loaded for it. */
export const countedCache = (cache: Cache): Cache => ({
  ...cache,
  text(key, scopes, ttlMs, load, staleMs) {
    since.reads++
    return cache.text(key, scopes, ttlMs, () => counted(load), staleMs)
  },
  bytes(key, scopes, ttlMs, load, staleMs) {
    since.reads++
    return cache.bytes(key, scopes, ttlMs, () => counted(load), staleMs)
  },
})

function counted<T>(load: () => T): T {
  since.loads++
  return load()
}

/** The same channel, each push timed. */
export const timedPush = (push: PushChannel): PushChannel => ({
  ...push,
  send: (message, signal) =>
    timed(
      'fcm',
      () => push.send(message, signal),
      ({ outcome }) => outcome,
      { 'samaconso.notification.id': message.notificationId },
    ),
})

/** The same channel, each SMS timed. */
export const timedSms = (sms: SmsChannel): SmsChannel => ({
  ...sms,
  send: (message, signal) =>
    timed(
      'sms',
      () => sms.send(message, signal),
      ({ outcome }) => outcome,
    ),
})

/** The same storage, each call timed. */
export const timedStorage = (storage: Storage): Storage => ({
  ...storage,
  put: (key, file) => timed('storage', () => storage.put(key, file)),
  get: (key, range) => timed('storage', () => storage.get(key, range)),
  head: key => timed('storage', () => storage.head(key)),
  delete: key => timed('storage', () => storage.delete(key)),
  list: (prefix, after) => timed('storage', () => storage.list(prefix, after)),
})

interface Watched {
  db: Pick<Database, 'stats'>
  cache: Pick<Cache, 'state'>
  storage: Pick<Storage, 'state'>
  backoffice: Pick<BackOffice, 'state'>
  push: Pick<PushChannel, 'state'>
  sms: Pick<SmsChannel, 'state'>
}

/** Shows, whenever the metrics are read, the pool and what this process depends on. Returns the function that ends it. */
export const watchServices = ({ db, cache, storage, backoffice, push, sms }: Watched): (() => void) =>
  onScrape(() => {
    const { total, idle, waiting } = db.stats()
    metrics.databaseConnections.set({ state: 'idle' }, idle)
    metrics.databaseConnections.set({ state: 'busy' }, total - idle)
    metrics.databaseWaiting.set(waiting)
    const { sic, postpaid } = backoffice.state()
    const states = {
      cache: cache.state(),
      storage: storage.state(),
      sic,
      postpaid,
      push: push.state(),
      sms: sms.state(),
    }
    showDependencies(states)
  })

/** Shows whether the broker takes what is published. Returns how to end it. */
export function watchBroker(broker: Pick<Broker, 'state'>): () => Promise<void> {
  const unwatch = onScrape(() => showDependencies({ broker: broker.state() }))
  return async () => unwatch()
}

/** Notes which dependencies can be used. */
export function showDependencies(states: Record<string, 'ok' | 'down'>): void {
  for (const dependency in states)
    metrics.dependencyUp.set({ dependency }, states[dependency] === 'ok' ? 1 : 0)
}

/** Counts what happened to a task. One that never began may have any name: it has none here. */
export function measureTask({ kind, message, startedAt, durationMs }: TaskEvent): void {
  const task = startedAt === undefined ? 'none' : message.task
  const { queue } = message
  metrics.tasks.inc({ task, queue, outcome: kind })
  if (kind === 'started' && startedAt !== undefined && message.at !== undefined) {
    metrics.taskWait.observe({ task, queue }, Math.max(0, startedAt - message.at) / 1_000)
  }
  // A failure is told again when it is retried or parked.
  const isEnd = kind === 'succeeded' || kind === 'failed' || kind === 'revoked' || kind === 'interrupted'
  if (isEnd && durationMs !== undefined) metrics.taskRun.observe({ task, queue }, durationMs / 1_000)
}
