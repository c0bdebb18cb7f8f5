import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { StartError } from '../../src/roles/say.ts'
import type { Running, Unit } from './supervisor.ts'

/** A process of ours that runs on Node. */
export interface Program {
  name: string
  /** Script and arguments. */
  command: readonly string[]
  env: Record<string, string>
  /** Rejects until it serves; `printed` tells whether a line of its output held a text. */
  ready: (printed: (text: string) => boolean) => Promise<unknown>
  readyMs?: number
  /** How long it may take to finish what is under way. */
  stopMs?: number
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const LEASH = new URL('leash.ts', import.meta.url).href
/** As every process of the product is started (bin/run.mjs says why). */
export const NODE_FLAGS: readonly string[] = JSON.parse(
  readFileSync(join(ROOT, 'bin/node-flags.json'), 'utf8'),
)
const READY_MS = 60_000
const STOP_MS = 8_000

/** A unit for the supervisor. Its output is told line by line; it never outlives us (`leash.ts`). */
export function programUnit(program: Program, onLine: (name: string, line: string) => void): Unit {
  const { name } = program
  return {
    name,
    async start(stopping) {
      const child = spawn(process.execPath, [...NODE_FLAGS, '--import', LEASH, ...program.command], {
        cwd: ROOT,
        env: program.env,
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      })
      const seen: string[] = []
      for (const stream of [child.stdout, child.stderr]) {
        if (!stream) continue
        createInterface({ input: stream }).on('line', line => {
          // What tells of readiness comes first; later lines are for people alone.
          if (seen.length < 200) seen.push(line)
          onLine(name, line)
        })
      }
      const running = runningOf(child, program.stopMs ?? STOP_MS)
      try {
        await untilReady(program, running, stopping, text => seen.some(line => line.includes(text)))
        return running
      } catch (error) {
        await running.stop()
        const why = [(error as Error).message, ...seen.slice(-5)].join('\n')
        throw new StartError({ fr: `${name} ne démarre pas : ${why}`, en: `${name} does not start: ${why}` })
      }
    },
  }
}

function runningOf(child: ChildProcess, stopMs: number): Running {
  const exited = new Promise<void>(done => {
    child.once('exit', () => done())
    child.once('error', () => done())
  })
  return {
    pid: child.pid as number,
    signal: signal => void child.kill(signal),
    exited,
    async stop() {
      child.kill('SIGTERM')
      // One that was halted in a drill would not even hear that.
      child.kill('SIGCONT')
      const late = setTimeout(() => child.kill('SIGKILL'), stopMs)
      await exited
      clearTimeout(late)
    },
  }
}

async function untilReady(
  { ready, readyMs = READY_MS }: Program,
  { exited }: Running,
  stopping: AbortSignal,
  printed: (text: string) => boolean,
): Promise<void> {
  let isGone = false
  void exited.then(() => {
    isGone = true
  })
  for (const deadline = Date.now() + readyMs; ; ) {
    if (isGone) throw new Error('it ended')
    try {
      await ready(printed)
      return
    } catch (error) {
      if (stopping.aborted || Date.now() > deadline) throw error
      await pause(100)
    }
  }
}
