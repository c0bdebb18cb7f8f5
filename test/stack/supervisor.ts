import { setTimeout } from 'node:timers/promises'

/** A process, or a server, that is there. */
export interface Running {
  pid: number
  signal(signal: NodeJS.Signals): void
  /** Resolves when it is gone. */
  exited: Promise<void>
  /** Asks it to end, makes it end, and waits for that. */
  stop(): Promise<void>
}

/** Something to keep running. */
export interface Unit {
  name: string
  /** Starts it, always with the same folder and ports; resolves when it serves. May give up when all is stopping. */
  start(stopping: AbortSignal): Promise<Running>
}

export type UnitState = 'starting' | 'up' | 'waiting' | 'stopped'

export interface UnitStatus {
  name: string
  state: UnitState
  pid: number | null
  /** How often it was started again. */
  restarts: number
  /** Since when it is in this state, ms. */
  since: number
}

export type UnitEvent =
  | { kind: 'up'; name: string; pid: number; ms: number }
  | { kind: 'died'; name: string; againInMs: number }
  | { kind: 'failed'; name: string; error: Error; againInMs: number }
  | { kind: 'told'; name: string; what: string }

export interface SupervisorOptions {
  onEvent: (event: UnitEvent) => void
  /** Before the first new start; doubled up to the longest while it does not stay up. */
  backoffMs?: { first: number; longest: number }
  /** Who stayed up for so long begins with the first wait again. */
  steadyMs?: number
}

export interface Supervisor {
  /** Starts these side by side; resolves when all serve, rejects when the first start of one fails. Later ones stop first. */
  start(units: readonly Unit[]): Promise<void>
  status(): UnitStatus[]
  /** Sends a signal to one; it is started again like after any other death. */
  kill(name: string, signal: NodeJS.Signals): void
  /** Stops one gently and starts it at once. */
  restart(name: string): Promise<void>
  /** Stops all, those started last first. */
  stop(): Promise<void>
}

/** No unit, or more than one, has the name that was asked for. */
export class UnknownUnit extends Error {}

interface Kept {
  unit: Unit
  state: UnitState
  since: number
  restarts: number
  running: Running | null
  /** A person asked for its end, to have it started again: no wait. */
  isAskedFor: boolean
  /** Resolves when it is gone for good. */
  over: Promise<void>
}

/** Keeps units running: one that dies is started again, after a wait that grows while it does not stay. */
export function openSupervisor(options: SupervisorOptions): Supervisor {
  const { onEvent, backoffMs = { first: 500, longest: 10_000 }, steadyMs = 30_000 } = options
  const waves: Kept[][] = []
  const stopping = new AbortController()
  let stopped: Promise<void> | null = null

  function enter(kept: Kept, state: UnitState): void {
    kept.state = state
    kept.since = Date.now()
  }

  async function up(kept: Kept): Promise<void> {
    enter(kept, 'starting')
    const startedAt = Date.now()
    const running = await kept.unit.start(stopping.signal)
    kept.running = running
    enter(kept, 'up')
    onEvent({ kind: 'up', name: kept.unit.name, pid: running.pid, ms: Date.now() - startedAt })
  }

  const longer = (ms: number) => Math.min(ms * 2, backoffMs.longest)

  async function startAgain(kept: Kept, ms: number): Promise<void> {
    const wait = kept.isAskedFor ? 0 : ms
    kept.isAskedFor = false
    enter(kept, 'waiting')
    await pause(wait, stopping.signal)
    if (stopping.signal.aborted) return
    kept.restarts++
    await up(kept).catch((error: Error) => {
      if (!stopping.signal.aborted) {
        onEvent({ kind: 'failed', name: kept.unit.name, error, againInMs: longer(ms) })
      }
    })
  }

  /** Until all stops; what ends is started again. */
  async function keepUp(kept: Kept): Promise<void> {
    let wait = backoffMs.first
    while (!stopping.signal.aborted) {
      const livedMs = await lifeOf(kept)
      if (stopping.signal.aborted) break
      if (livedMs !== null && livedMs > steadyMs) wait = backoffMs.first
      if (livedMs !== null && !kept.isAskedFor) {
        onEvent({ kind: 'died', name: kept.unit.name, againInMs: wait })
      }
      await startAgain(kept, wait)
      wait = longer(wait)
    }
    await kept.running?.stop()
    enter(kept, 'stopped')
  }

  function find(name: string): Kept {
    const all = waves.flat()
    const found = all.filter(({ unit }) => unit.name === name || unit.name.endsWith(`_${name}`))
    const [kept] = found
    if (kept && found.length === 1) return kept
    throw new UnknownUnit(`No process ${name}: there are ${all.map(({ unit }) => unit.name).join(', ')}.`)
  }

  async function startOne(kept: Kept): Promise<void> {
    const first = up(kept)
    kept.over = first.then(
      () => keepUp(kept),
      () => enter(kept, 'stopped'),
    )
    await first
  }

  async function end(kept: Kept): Promise<void> {
    await kept.running?.stop()
    await kept.over
  }

  return {
    async start(units) {
      const wave = units.map<Kept>(unit => ({
        unit,
        state: 'starting',
        since: Date.now(),
        restarts: 0,
        running: null,
        isAskedFor: false,
        over: Promise.resolve(),
      }))
      waves.push(wave)
      const started = await Promise.allSettled(wave.map(startOne))
      const failed = started.find(result => result.status === 'rejected')
      if (failed) throw failed.reason
    },
    status: () =>
      waves.flat().map(({ unit, state, since, restarts, running }) => ({
        name: unit.name,
        state,
        pid: running?.pid ?? null,
        restarts,
        since,
      })),
    kill(name, signal) {
      const { running, unit } = find(name)
      onEvent({ kind: 'told', name: unit.name, what: signal })
      running?.signal(signal)
    },
    async restart(name) {
      const kept = find(name)
      onEvent({ kind: 'told', name: kept.unit.name, what: 'restart' })
      kept.isAskedFor = kept.running !== null
      await kept.running?.stop()
    },
    stop() {
      stopping.abort()
      stopped ??= (async () => {
        for (const wave of waves.toReversed()) await Promise.all(wave.map(end))
      })()
      return stopped
    },
  }
}

/** How long it was up, once it is gone; null when it was not. */
async function lifeOf(kept: Kept): Promise<number | null> {
  const { since, running } = kept
  if (!running) return null
  await running.exited
  kept.running = null
  return Date.now() - since
}

/** Waits so long, or until all stops. */
const pause = (ms: number, stopping: AbortSignal): Promise<void> =>
  setTimeout(ms, undefined, { signal: stopping }).catch(() => undefined)
