import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'

/** A real server that runs for tests, as a direct child of ours. */
export interface RunningServer {
  pid: number
  port: number
  /** Sends a signal to the server itself (`SIGKILL`, `SIGSTOP`, `SIGCONT`…). */
  signal(signal: NodeJS.Signals): void
  /** Resolves when the process is gone. */
  exited: Promise<void>
  /** Asks it to end, kills it when it does not within 10 s, and waits until it is gone. */
  stop(): Promise<void>
}

export interface ServerCommand {
  name: string
  command: readonly string[]
  /** What goes before the command: another user. */
  as?: readonly string[]
  port: number
  logFile: string
  env?: Record<string, string>
  cwd?: string
  /** What ends it gently. */
  stopSignal?: NodeJS.Signals
  /** Resolves when it serves; a connection to its port by default. */
  ready?: () => Promise<unknown>
  readyMs?: number
  /** How long it may take to end by itself; 10 s unless said. */
  stopMs?: number
  /** Gives up a start under way: what was started is ended. */
  giveUp?: AbortSignal
}

const STOP_MS = 10_000
const SETPRIV = '/usr/bin/setpriv'

/** Starts a server and waits until it serves; its end of the log is in the error when it does not. */
export async function startServer(options: ServerCommand): Promise<RunningServer> {
  const { name, command, as = [], port, logFile, stopSignal = 'SIGTERM', stopMs = STOP_MS } = options
  const [program = '', ...args] = [...as, ...leash(stopSignal), ...command]
  const log = openSync(logFile, 'a')
  const child: ChildProcess = spawn(program, args, {
    stdio: ['ignore', log, log],
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  })
  closeSync(log)
  let failure: Error | undefined
  const exited = new Promise<void>(done => {
    child.once('exit', () => done())
    child.once('error', error => {
      failure = error
      done()
    })
  })
  async function stop(): Promise<void> {
    child.kill(stopSignal)
    const late = setTimeout(() => child.kill('SIGKILL'), stopMs)
    await exited
    clearTimeout(late)
  }
  options.giveUp?.addEventListener('abort', () => child.kill(stopSignal), { once: true })
  const ready = options.ready ?? (() => reachable(port))
  const deadline = Date.now() + (options.readyMs ?? 60_000)
  for (;;) {
    if (failure || child.exitCode !== null || child.signalCode !== null) break
    try {
      await ready()
      return { pid: child.pid as number, port, signal: signal => void child.kill(signal), exited, stop }
    } catch (error) {
      failure = Date.now() > deadline ? (error as Error) : undefined
    }
    await new Promise(done => setTimeout(done, 50))
  }
  await stop()
  throw new Error(
    `${name} did not start: ${failure?.message ?? ''}\n${readFileSync(logFile, 'utf8').slice(-2_000)}`,
  )
}

/** The kernel ends the server when we are gone, whatever killed us. Last before the program: a change of user undoes it. */
export const leash = (signal: NodeJS.Signals): string[] =>
  existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', signal.slice('SIG'.length), '--'] : []

/** Resolves when somebody listens on a port of 127.0.0.1. */
export const reachable = (port: number): Promise<void> =>
  new Promise((done, fail) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.setTimeout(2_000, () => socket.destroy(new Error(`port ${port} does not answer`)))
    socket.once('error', fail)
    socket.once('connect', () => {
      socket.destroy()
      done()
    })
  })
