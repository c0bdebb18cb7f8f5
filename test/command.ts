import { type ChildProcess, spawn } from 'node:child_process'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { freePort } from '../src/roles/embedded/ports.ts'
import { until } from './harness.ts'
import { processesOf, RUN, type Running } from './processes.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

export interface Ports {
  PORT: string
  MONITOR_PORT: string
  SIMULATOR_PORT: string
}

export async function freePorts(): Promise<Ports> {
  const [PORT, MONITOR_PORT, SIMULATOR_PORT] = (await Promise.all([freePort(), freePort(), freePort()])).map(
    String,
  ) as [string, string, string]
  return { PORT, MONITOR_PORT, SIMULATOR_PORT }
}

export interface Command {
  pid: number
  /** What it printed so far, without colours. */
  output(): string
  /** Resolves when it printed this; rejects with what it printed when it ended before. */
  prints(text: string, ms?: number): Promise<void>
  /** Its exit code, null when a signal ended it. */
  ends(ms?: number): Promise<number | null>
  kill(signal: NodeJS.Signals): void
}

/** As a shell says of a program that is not there. */
const NOT_FOUND = 127

/** What a person types: `npm start` and everything behind it, with this data directory and these ports. */
export const START = ['node', 'bin/run.mjs', 'src/main.ts', 'all']

/**
 * Runs a command of the project as a person would from a shell: with the system's Node, in French unless `env` says
 * otherwise, and with nothing of the test's own environment but the path and the mark of the run.
 */
export function run(command: readonly string[], env: Record<string, string>): Command {
  const [program = '', ...args] = command
  const child: ChildProcess = spawn(program, args, {
    cwd: ROOT,
    env: {
      PATH: systemPath(),
      HOME: process.env.HOME ?? '/',
      LANG: 'fr_FR.UTF-8',
      [RUN]: process.env[RUN] ?? '',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      output = (output + chunk).slice(-20_000)
    })
  }
  let ended = false
  const end = new Promise<number | null>(done => {
    child.once('error', error => {
      output += error.message
      ended = true
      done(NOT_FOUND)
    })
    child.once('exit', code => {
      ended = true
      done(code)
    })
  })
  const printed = () => stripVTControlCharacters(output)
  return {
    pid: child.pid as number,
    output: printed,
    async prints(text, ms = 45_000) {
      await until(
        `“${text}” from ${command.join(' ')}, which printed: ${printed()}`,
        () => {
          if (!printed().includes(text) && ended) throw new Error(`It ended, having printed: ${printed()}`)
          return printed().includes(text)
        },
        ms,
      ).catch(error => {
        throw new Error(`${(error as Error).message}\nIt printed: ${printed()}`)
      })
    },
    async ends(ms = 30_000) {
      await until(`the end of ${command.join(' ')}`, () => ended, ms)
      return end
    },
    kill: signal => void child.kill(signal),
  }
}

/** Without the programs of our own packages, which npm puts first. */
const systemPath = (): string =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .filter(folder => !folder.includes('node_modules'))
    .join(delimiter)

/** Waits until no process names this folder any more. */
export async function allGone(folder: string, ms: number): Promise<void> {
  let left: Running[] = []
  await until(
    'every process to be gone',
    async () => {
      left = await processesOf(folder)
      return left.length === 0
    },
    ms,
  ).catch(error => {
    throw new Error(`${(error as Error).message}, left: ${JSON.stringify(left)}`)
  })
}
