import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A process of the benchmark: it answers what it is asked, and ends when we do. */
export interface Child<Ready> {
  pid: number
  /** What it said when it was ready. */
  ready: Ready
  ask<T>(question: object, withinMs?: number): Promise<T>
  /** ms of processor time that it used so far. */
  cpu(): Promise<number>
  stop(): Promise<void>
}

export interface ChildOptions {
  /** 0 for what is measured, 1 for who measures; anywhere when absent. */
  core?: 0 | 1
  /** Given to the process with its first message. */
  data?: object
}

const START_MS = 60_000
const STOP_MS = 8_000
const CPU = { kind: 'cpu' }

/** Starts a script of `bench/processes`, on a core of its own where the machine lets us choose. */
export async function startChild<Ready>(
  script: string,
  { core, data = {} }: ChildOptions = {},
): Promise<Child<Ready>> {
  const path = fileURLToPath(new URL(`../processes/${script}`, import.meta.url))
  const cpu = core === undefined ? undefined : CORES[core]
  const [program, ...args] = [...(cpu === undefined ? [] : ['taskset', '-c', cpu]), process.execPath, path]
  const child = spawn(program as string, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = new Promise<void>(done => child.once('exit', () => done()))
  const ask = questions(child, script)
  const ready = await ask<Ready>(data, START_MS).catch(async error => {
    child.kill('SIGKILL')
    await exited
    throw error
  })
  return {
    pid: child.pid as number,
    ready,
    ask,
    cpu: () => ask<number>(CPU),
    async stop() {
      if (child.connected) child.disconnect()
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await exited
      clearTimeout(late)
    },
  }
}

interface Reply {
  id: number
  value?: unknown
  error?: string
}

function questions(child: ChildProcess, script: string) {
  const waiting = new Map<number, { done(value: unknown): void; fail(error: Error): void }>()
  let last = 0
  child.on('message', ({ id, value, error }: Reply) => {
    const asked = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) asked?.done(value)
    else asked?.fail(new Error(`${script}: ${error}`))
  })
  child.once('error', error => end(error))
  child.once('exit', code => end(new Error(`${script} ended with ${code}`)))
  function end(error: Error): void {
    for (const asked of waiting.values()) asked.fail(error)
    waiting.clear()
  }
  return <T>(question: object, withinMs = 60_000): Promise<T> =>
    new Promise<T>((done, fail) => {
      const id = ++last
      const timer = setTimeout(() => fail(new Error(`${script} did not answer in ${withinMs} ms`)), withinMs)
      waiting.set(id, {
        done(value) {
          clearTimeout(timer)
          done(value as T)
        },
        fail(error) {
          clearTimeout(timer)
          fail(error)
        },
      })
      child.send({ id, question }, error => {
        if (error) waiting.get(id)?.fail(error)
      })
    })
}

/** In the process: `start` answers the first message, the function that it returns the others. */
export function answerParent<Data, Ready>(
  start: (data: Data) => Promise<{ ready: Ready; answer?(question: never): unknown; stop?(): Promise<void> }>,
): void {
  let started: Awaited<ReturnType<typeof start>> | undefined
  process.on('message', async ({ id, question }: { id: number; question: { kind?: string } }) => {
    try {
      if (question.kind === CPU.kind) process.send?.({ id, value: usedCpu() })
      else if (started) process.send?.({ id, value: await started.answer?.(question as never) })
      else {
        started = await start(question as Data)
        process.send?.({ id, value: started.ready })
      }
    } catch (error) {
      process.send?.({ id, error: (error as Error).stack })
    }
  })
  process.on('disconnect', async () => {
    await started?.stop?.()
    process.exit(0)
  })
}

function usedCpu(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** Two cores that this process may use, or none when they cannot be chosen. */
export const CORES: readonly string[] = chooseCores()

function chooseCores(): string[] {
  if (process.platform !== 'linux' || spawnSync('taskset', ['-V']).status !== 0) return []
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  const cores = list.split(',').flatMap(range => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => String(first + i))
  })
  return cores.length < 2 ? [] : cores.slice(0, 2)
}
