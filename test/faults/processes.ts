import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../harness.ts'
import { type Program, programUnit } from '../stack/program.ts'
import { openSupervisor, type Running, type Supervisor, type Unit } from '../stack/supervisor.ts'

/** What a case may do to processes: everything is started again by the supervisor at its own pace, as in production. */
export interface Processes {
  supervisor: Supervisor
  /** A program as a unit that a case may replace for a while. */
  unitOf(program: Program): Unit
  /** Lets a case act before something starts again: empty its folder, or keep it away. */
  watched(unit: Unit): Unit
  kill(name: string, signal?: NodeJS.Signals): void
  /** SIGKILL, and resolves when it serves again. `away` is done, or waited for, before it is started again. */
  killAndReturn(name: string, away?: () => Promise<void>): Promise<void>
  /** Runs a program of the stack otherwise, from now on; null as it was. Resolves when it serves. */
  replace(name: string, change: ((program: Program) => Program) | null): Promise<void>
  pid(name: string): number
  restarts(name: string): number
  /** A process for the time of a case. */
  start(program: Program): Promise<Running>
  /** Ends what cases started, and puts back what they replaced. */
  tidy(): Promise<void>
}

const RETURN_MS = 90_000
const same = (program: Program): Program => program

/** Keeps the processes of the suite; every line that they print goes into `logFile`. */
export function openProcesses(logFile: string): Processes {
  mkdirSync(dirname(logFile), { recursive: true })
  const log = (name: string, line: string) => appendFileSync(logFile, `${name} │ ${line}\n`)
  const supervisor = openSupervisor({
    onEvent: event => log('supervisor', JSON.stringify(event)),
    // Cases kill the same process minutes apart: each time it is a first time.
    steadyMs: 3_000,
  })
  const changes = new Map<string, (program: Program) => Program>()
  const aways = new Map<string, () => Promise<void>>()
  const started = new Set<Running>()

  const statusOf = (name: string) => {
    const status = supervisor.status().find(one => one.name === name)
    if (!status) throw new Error(`There is no process ${name}.`)
    return status
  }

  const processes: Processes = {
    supervisor,
    unitOf: program =>
      processes.watched({
        name: program.name,
        start: stopping => programUnit((changes.get(program.name) ?? same)(program), log).start(stopping),
      }),
    watched: unit => ({
      name: unit.name,
      async start(stopping) {
        await aways.get(unit.name)?.()
        return unit.start(stopping)
      },
    }),
    kill: (name, signal = 'SIGKILL') => supervisor.kill(name, signal),
    async killAndReturn(name, away) {
      const { restarts } = statusOf(name)
      if (away) aways.set(name, away)
      try {
        supervisor.kill(name, 'SIGKILL')
        await until(
          `${name} to serve again`,
          () => statusOf(name).restarts > restarts && statusOf(name).state === 'up',
          RETURN_MS,
        )
      } finally {
        aways.delete(name)
      }
    },
    async replace(name, change) {
      const { restarts } = statusOf(name)
      if (change) changes.set(name, change)
      else changes.delete(name)
      await supervisor.restart(name)
      await until(
        `${name} to run otherwise`,
        () => statusOf(name).restarts > restarts && statusOf(name).state === 'up',
        RETURN_MS,
      )
    },
    pid: name => statusOf(name).pid ?? 0,
    restarts: name => statusOf(name).restarts,
    async start(program) {
      const running = await programUnit(program, log).start(new AbortController().signal)
      started.add(running)
      return running
    },
    async tidy() {
      for (const running of started) await running.stop()
      started.clear()
      for (const name of [...changes.keys()]) await processes.replace(name, null)
      await until(
        'everything to run',
        () => supervisor.status().every(({ state }) => state === 'up'),
        RETURN_MS,
      )
      await pause(500)
    },
  }
  return processes
}
