import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { StartError } from '../say.ts'
import { remedyOf } from './faults.ts'

export interface SqlServer {
  host: string
  port: number
  user: string
  password: string
  database: string
}

/** Where the simulated outside world listens, as its process tells in one line of JSON. */
export interface OutsideWorld {
  control: string
  caFile: string
  sic: SqlServer
  postpaid: SqlServer
  fcm: { baseUrl: string; serviceAccountFile: string }
  sms: { url: string }
  /** A company's proxy in front of FCM; the demo goes without. */
  proxy: { url: string; caFile: string }
}

export interface SimulatorsProcess {
  /** Rejects with `StartError`, and the process is gone, when it cannot start. */
  ready: Promise<OutsideWorld>
  pid: number
  signal(signal: NodeJS.Signals): void
  /** Resolves when it is gone. */
  exited: Promise<void>
  /** Also while it starts. */
  stop(): Promise<void>
}

const START_MS = 30_000

/** Starts the simulators as a process of their own; they stop when our end of their standard input closes. */
export function startSimulators(script: string, folder: string, controlPort: number): SimulatorsProcess {
  const child = spawn(process.execPath, [script, '--data-dir', folder, '--port', String(controlPort)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  let errors = ''
  child.stderr.on('data', chunk => {
    errors = (errors + chunk).slice(-2_000)
  })
  child.stdin.on('error', () => undefined)
  // Closed, not only ended: its last words are read by then.
  const exited = new Promise<void>(done => child.once('close', () => done()))

  async function stop(): Promise<void> {
    child.stdin.end()
    const late = setTimeout(() => child.kill('SIGKILL'), 3_000)
    await exited
    clearTimeout(late)
  }

  const ready = new Promise<OutsideWorld>((done, fail) => {
    const timer = setTimeout(() => fail(new Error('the simulators took too long to start')), START_MS)
    createInterface({ input: child.stdout }).once('line', line => {
      clearTimeout(timer)
      done(JSON.parse(line))
    })
    void exited.then(() => {
      clearTimeout(timer)
      fail(new Error(errors.trim() || 'the simulators ended at once'))
    })
  }).catch(async error => {
    await stop()
    const known = remedyOf(error.message, folder)
    if (known) throw new StartError(known)
    throw new StartError({
      fr: `Le monde simulé n’a pas démarré : ${error.message}`,
      en: `The simulated world did not start: ${error.message}`,
    })
  })
  return { ready, pid: child.pid as number, signal: signal => void child.kill(signal), exited, stop }
}
