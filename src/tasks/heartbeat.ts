import { hostname } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Fanout } from '../cache/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Queue } from './types.ts'
import { BEAT_MS, type Farewell, type Heartbeat, MOST_ACTIVE, timesOf, WORKERS_TOPIC } from './watching.ts'
import type { Worker } from './worker.ts'

export interface HeartbeatOptions {
  worker: Worker
  fanout: Fanout
  clock: Clock
  version: string
  role: string | undefined
  dropped: () => Heartbeat['dropped']
  everyMs?: number
}

export interface Heart {
  /** Says at once that the worker is alive, for who has just begun to listen. */
  beat(): void
  /** What the next heartbeat would say. */
  describe(): Heartbeat
  /** Says farewell. */
  stop(): void
}

/** Says every two seconds that a worker is alive and how it is. */
export function startHeart({
  worker,
  fanout,
  clock,
  version,
  role,
  dropped,
  everyMs,
}: HeartbeatOptions): Heart {
  const startedAt = clock.now()
  const loop = monitorEventLoopDelay({ resolution: 20 })
  loop.enable()
  let last = { at: startedAt, ended: 0, rate: 0 }

  function rate(now: number): number {
    const { succeeded, failed } = worker.counts()
    const ended = succeeded + failed
    // Asked for twice within a second, it is the same: a rate over an instant says nothing.
    if (now - last.at >= 1_000) {
      last = { at: now, ended, rate: ((ended - last.ended) * 1_000) / (now - last.at) }
    }
    return Math.max(0, Math.round(last.rate * 10) / 10)
  }

  function describe(): Heartbeat {
    const now = clock.now()
    const active = worker.active()
    const reserved = worker.reserved()
    return {
      kind: 'heartbeat',
      name: worker.name,
      host: hostname(),
      pid: process.pid,
      version,
      ...(role ? { role } : {}),
      startedAt,
      at: now,
      draining: worker.isDraining(),
      queues: (Object.entries(worker.queues) as [Queue, number][]).map(([queue, slots]) => ({
        queue,
        slots,
        active: active.filter(({ message }) => message.queue === queue).length,
        reserved: reserved.filter(message => message.queue === queue).length,
      })),
      ...worker.counts(),
      ratePerSecond: rate(now),
      loopDelayMs: Number.isFinite(loop.max) ? Math.round(loop.max / 1e5) / 10 : 0,
      memoryBytes: process.memoryUsage.rss(),
      dropped: dropped(),
      active: active.slice(0, MOST_ACTIVE).map(({ message, startedAt, isSlow, isStuck }) => ({
        id: message.id.slice(0, 100),
        task: message.task.slice(0, 100),
        queue: message.queue,
        attempt: message.attempt,
        ...timesOf(message),
        startedAt,
        slow: isSlow,
        stuck: isStuck,
      })),
      activeCount: active.length,
    }
  }

  function beat(): void {
    fanout.publish(WORKERS_TOPIC, describe())
    loop.reset()
  }

  const timer = setInterval(beat, everyMs ?? BEAT_MS)
  timer.unref()
  beat()
  return {
    beat,
    describe,
    stop() {
      clearInterval(timer)
      loop.disable()
      const farewell: Farewell = { kind: 'farewell', name: worker.name, startedAt, at: clock.now() }
      fanout.publish(WORKERS_TOPIC, farewell)
    },
  }
}
