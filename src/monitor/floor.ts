import { Compile } from 'typebox/compile'
import type { Fanout } from '../cache/types.ts'
import type { Clock } from '../lib/clock.ts'
import {
  EVENTS_TOPIC,
  EventBatch,
  Farewell,
  Heartbeat,
  MOST_ACTIVE,
  type SeenEvent,
  WORKERS_TOPIC,
} from '../tasks/index.ts'

/** A worker as its heartbeats tell of it. */
export interface SeenWorker {
  state: 'running' | 'draining' | 'lost' | 'stopped'
  /** By our clock, in ms. */
  seenAt: number
  /** Another process of the same name was alive within the last seconds. */
  hasNamesake: boolean
  last: Heartbeat
}

/** A task as workers tell of it: under way, or ended not long ago. */
export interface SeenTask {
  id: string
  name: string
  queue: string
  state: 'started' | 'lost' | 'succeeded' | 'retried' | 'parked' | 'revoked' | 'interrupted'
  worker: string
  attempt: number
  /** From when on (ms) it could be worked on. */
  queuedAt: number | null
  publishedAt: number | null
  startedAt: number | null
  finishedAt: number | null
  runMs: number | null
  slow: boolean
  stuck: boolean
}

/** What workers tell, as far as it was heard: in memory, and bounded whatever they do. */
export interface Floor {
  /** By name. */
  workers(): SeenWorker[]
  worker(name: string): SeenWorker | undefined
  /** Those under way, the newest first. */
  started(): SeenTask[]
  /** Those that ended, the newest first. */
  ended(): SeenTask[]
  task(id: string): SeenTask | undefined
  /** How many attempts have begun in each queue since the monitor began to listen. */
  begun(): ReadonlyMap<string, number>
  /** The same of those that ended. */
  finished(): ReadonlyMap<string, number>
  close(): void
}

/** ms without a heartbeat after which a worker counts as lost: three beats, so that whoever looks sees it within ten seconds. */
export const LOST_MS = 7_000
/** What is gone for so long is shown no more. */
const FORGET_MS = 3_600_000
const MOST_WORKERS = 1_000
const MOST_STARTED = 10_000
const MOST_ENDED = 5_000

const isHeartbeat = Compile(Heartbeat)
const isFarewell = Compile(Farewell)
const isBatch = Compile(EventBatch)

interface Known {
  last: Heartbeat
  seenAt: number
  isGone: boolean
  namesakeAt: number
}

/** Listens to what workers tell. */
export function watchFloor(fanout: Fanout, clock: Clock): Floor {
  const known = new Map<string, Known>()
  const started = new Map<string, SeenTask>()
  const ended = new Map<string, SeenTask>()
  const begun = new Map<string, number>()
  const finished = new Map<string, number>()
  const countUp = (counts: Map<string, number>, queue: string) =>
    counts.set(queue, (counts.get(queue) ?? 0) + 1)

  function hear(message: unknown): void {
    if (isHeartbeat.Check(message)) hearBeat(message)
    else if (isFarewell.Check(message)) {
      const one = known.get(message.name)
      if (one && one.last.startedAt === message.startedAt) one.isGone = true
    }
  }

  function hearBeat(last: Heartbeat): void {
    const now = clock.now()
    const one = known.get(last.name)
    const isOther = one !== undefined && one.last.startedAt !== last.startedAt
    // Of two processes of one name the newer one is shown.
    if (isOther && last.startedAt < one.last.startedAt) {
      one.namesakeAt = now
      return
    }
    const isNamesakeAlive = isOther && !one.isGone && now - one.seenAt < LOST_MS
    const namesakeAt = isNamesakeAlive ? now : (one?.namesakeAt ?? Number.NEGATIVE_INFINITY)
    known.set(last.name, { last, seenAt: now, isGone: false, namesakeAt })
    forget(now)
    compare(last)
  }

  function forget(now: number): void {
    for (const [name, one] of known) {
      if (now - one.seenAt > FORGET_MS || known.size > MOST_WORKERS) known.delete(name)
    }
  }

  /** A heartbeat names what is under way: what it does not name has ended unheard. */
  function compare({ name, active, activeCount, startedAt }: Heartbeat): void {
    if (activeCount <= MOST_ACTIVE) {
      const named = new Set(active.map(task => task.id))
      for (const [id, task] of started) if (task.worker === name && !named.has(id)) started.delete(id)
    }
    for (const task of active) {
      if (started.has(task.id)) continue
      begin({
        id: task.id,
        name: task.task,
        queue: task.queue,
        state: 'started',
        worker: name,
        attempt: task.attempt,
        queuedAt: task.queuedAt ?? null,
        publishedAt: task.publishedAt ?? null,
        startedAt: Math.max(startedAt, task.startedAt),
        finishedAt: null,
        runMs: null,
        slow: task.slow,
        stuck: task.stuck,
      })
    }
  }

  function begin(task: SeenTask): void {
    if (!started.has(task.id)) countUp(begun, task.queue)
    started.set(task.id, task)
    trim(started, MOST_STARTED)
  }

  function hearEvent(worker: string, event: SeenEvent): void {
    const task = started.get(event.id)
    if (event.kind === 'slow' || event.kind === 'stuck') {
      if (task) task[event.kind] = true
      return
    }
    const isEnd = event.kind !== 'started'
    const seen: SeenTask = {
      id: event.id,
      name: event.task,
      queue: event.queue,
      state: event.kind,
      worker,
      attempt: event.attempt,
      queuedAt: event.queuedAt ?? null,
      publishedAt: event.publishedAt ?? null,
      startedAt: event.startedAt,
      finishedAt: isEnd ? event.at : null,
      runMs: event.runMs,
      slow: task?.slow ?? false,
      stuck: task?.stuck ?? false,
    }
    if (!isEnd) {
      begin(seen)
      return
    }
    // Its start may have been unheard.
    if (!task) countUp(begun, event.queue)
    countUp(finished, event.queue)
    started.delete(event.id)
    ended.delete(event.id)
    ended.set(event.id, seen)
    trim(ended, MOST_ENDED)
  }

  const leave = [
    fanout.subscribe(WORKERS_TOPIC, hear),
    fanout.subscribe(EVENTS_TOPIC, message => {
      if (isBatch.Check(message)) for (const event of message.events) hearEvent(message.worker, event)
    }),
  ]

  const seen = (one: Known): SeenWorker => {
    const now = clock.now()
    const isSilent = now - one.seenAt >= LOST_MS
    // Told to end, and with nothing in hand: it has, also when its farewell was not heard.
    const hasEnded = one.isGone || (isSilent && one.last.draining && one.last.activeCount === 0)
    return {
      state: hasEnded ? 'stopped' : isSilent ? 'lost' : one.last.draining ? 'draining' : 'running',
      seenAt: one.seenAt,
      hasNamesake: now - one.namesakeAt < LOST_MS,
      last: one.last,
    }
  }
  const worker = (name: string) => {
    const one = known.get(name)
    return one && seen(one)
  }
  /** What a lost worker had under way may be under way, or not. */
  const judged = (task: SeenTask): SeenTask => {
    const state = worker(task.worker)?.state
    return state === 'lost' || state === 'stopped' ? { ...task, state: 'lost' } : task
  }

  return {
    workers: () => [...known.values()].map(seen).sort((a, b) => (a.last.name < b.last.name ? -1 : 1)),
    worker,
    started: () => [...started.values()].reverse().map(judged),
    ended: () => [...ended.values()].reverse(),
    task(id) {
      const task = started.get(id)
      return task ? judged(task) : ended.get(id)
    },
    begun: () => begun,
    finished: () => finished,
    close() {
      for (const end of leave) end()
    },
  }
}

function trim(tasks: Map<string, SeenTask>, most: number): void {
  for (const oldest of tasks.keys()) {
    if (tasks.size <= most) return
    tasks.delete(oldest)
  }
}
