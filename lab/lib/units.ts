import { once } from 'node:events'
import { join } from 'node:path'
import { startServer } from '../../test/servers/process.ts'
import { openSupervisor, type Supervisor, type Unit } from '../../test/stack/supervisor.ts'
import { inPlace } from './network.ts'
import type { Place } from './places.ts'
import { run } from './run.ts'

/** Something that runs on a machine: a server, or a process of the product. */
export interface Service {
  name: string
  place: Place
  /** Asked at every start, since a rollout changes it. */
  command: () => Promise<{ command: readonly string[]; env?: Record<string, string>; cwd?: string }>
  /** Another user than root. */
  user?: { uid: string; gid: string }
  /** Run in the same place; it serves once this succeeds. */
  ready: readonly string[]
  /** Run in the same place once it serves. */
  afterStart?: readonly string[]
  readyMs?: number
  stopSignal?: NodeJS.Signals
  stopMs?: number
}

export interface Units {
  supervisor: Supervisor
  /** Stops one and keeps it away until it is started. */
  stop(name: string): Promise<void>
  start(name: string): Promise<void>
  restart(name: string): Promise<void>
  /** Stops one, and does not wait for it to serve again: whoever asked looks. */
  replace(name: string): Promise<void>
  kill(name: string): void
  /** Keeps those of a place away until they are started, once something else has ended them; gives their names. */
  holdAllOf(place: Place): string[]
  heldOf(place: Place): string[]
  freeze(name: string): void
  thaw(name: string): void
  add(services: readonly Service[]): Promise<void>
}

const RETURN_MS = 120_000

/** Keeps services running, each in its place, its output in a file of its own; who dies is started again. */
export function openUnits(folder: string, onEvent: (text: string) => void): Units {
  const supervisor = openSupervisor({
    onEvent: event => onEvent(JSON.stringify(event)),
    // As `restart: unless-stopped` does; drills minutes apart are each a first time.
    backoffMs: { first: 500, longest: 5_000 },
    steadyMs: 5_000,
  })
  const underWay = new Map<string, AbortController>()
  const places = new Map<string, Place>()
  const held = new Map<string, { released: Promise<void>; release(): void }>()

  const statusOf = (name: string) => {
    const status = supervisor.status().find(unit => unit.name === name)
    if (!status)
      throw new Error(
        `no ${name} here; ${supervisor
          .status()
          .map(unit => unit.name)
          .join(', ')}`,
      )
    return status
  }
  const unitOf = (service: Service): Unit => ({
    name: service.name,
    async start(stopping) {
      const released = held.get(service.name)?.released
      if (released) await Promise.race([released, once(stopping, 'abort')])
      const giveUp = new AbortController()
      underWay.set(service.name, giveUp)
      // Once it serves, it is stopped as whatever serves.
      return startService(service, folder, giveUp.signal).finally(() => underWay.delete(service.name))
    },
  })
  async function untilUp(name: string, restarts: number): Promise<void> {
    for (const deadline = Date.now() + RETURN_MS; ; ) {
      const status = statusOf(name)
      if (status.state === 'up' && status.restarts > restarts) return
      if (Date.now() > deadline) throw new Error(`${name} does not come back: see logs/${name}.log`)
      await new Promise(done => setTimeout(done, 50))
    }
  }

  function hold(name: string): void {
    const { promise, resolve } = Promise.withResolvers<void>()
    held.set(name, { released: promise, release: resolve })
  }

  const units: Units = {
    supervisor,
    async stop(name) {
      statusOf(name)
      if (held.has(name)) return
      hold(name)
      await supervisor.restart(name)
    },
    holdAllOf(place) {
      const names = [...places].filter(([, its]) => its === place).map(([name]) => name)
      for (const name of names) hold(name)
      return names
    },
    async start(name) {
      const { state, restarts } = statusOf(name)
      const one = held.get(name)
      if (!one) return state === 'up' ? undefined : untilUp(name, restarts - 1)
      held.delete(name)
      one.release()
      await untilUp(name, 0)
    },
    async restart(name) {
      const { restarts } = statusOf(name)
      if (held.has(name)) return units.start(name)
      await supervisor.restart(name)
      await untilUp(name, restarts)
    },
    async replace(name) {
      // One that does not come to serve is not waited for: its next start has the other version.
      underWay.get(name)?.abort()
      await supervisor.restart(name)
    },
    heldOf: place => [...held.keys()].filter(name => places.get(name) === place),
    kill: name => supervisor.kill(name, 'SIGKILL'),
    freeze: name => supervisor.kill(name, 'SIGSTOP'),
    thaw: name => supervisor.kill(name, 'SIGCONT'),
    add(services) {
      for (const { name, place } of services) places.set(name, place)
      return supervisor.start(services.map(unitOf))
    },
  }
  return units
}

async function startService(service: Service, folder: string, giveUp: AbortSignal) {
  const { name, place, user, ready, afterStart = [], readyMs, stopSignal, stopMs } = service
  const { command, env, cwd } = await service.command()
  const as = user ? ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, groupsOf(user)] : []
  return startServer({
    name,
    command,
    as: [...inPlace(place), ...as, ...(as.length > 0 ? ['--'] : [])],
    port: 0,
    logFile: join(folder, 'logs', `${name}.log`),
    async ready() {
      for (const command of [ready, afterStart]) {
        if (command.length > 0) await run([...inPlace(place), ...command], { ms: 5_000 })
      }
    },
    giveUp,
    ...(env ? { env } : {}),
    ...(cwd ? { cwd } : {}),
    ...(readyMs ? { readyMs } : {}),
    ...(stopSignal ? { stopSignal } : {}),
    ...(stopMs ? { stopMs } : {}),
  })
}

/** A container's number is nobody's name on this machine. */
const groupsOf = ({ uid }: { uid: string }): string =>
  /^\d+$/.test(uid) ? '--clear-groups' : '--init-groups'
