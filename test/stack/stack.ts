import { writeFile } from 'node:fs/promises'
import { step } from '../../src/roles/all.ts'
import { claimDataDir, emptyDataDir, removeRunFile, writeRunFile } from '../../src/roles/embedded/data-dir.ts'
import { explainStart } from '../../src/roles/embedded/faults.ts'
import { say } from '../../src/roles/say.ts'
import { stopWithParent } from '../../src/roles/stop.ts'
import { needServers, PRODUCT_SERVERS } from '../servers/packages.ts'
import { controlFile, serveControl } from './control.ts'
import { prepareDemo } from './demo.ts'
import { lineFormat } from './lines.ts'
import { type PlanOptions, plan } from './plan.ts'
import { type Ports, pickPorts } from './ports.ts'
import { type Program, programUnit } from './program.ts'
import { startServers } from './servers.ts'
import { openSupervisor, type Supervisor, type UnitEvent } from './supervisor.ts'
import { welcome } from './welcome.ts'

export interface StackOptions {
  dir: string
  /** Empties the folder first. */
  reset: boolean
  /** Shows log lines as they are. */
  raw: boolean
  plan?: (options: PlanOptions) => Program[][]
  /** Which ports it listens on; those of production where they are free when absent. */
  ports?: () => Promise<Ports>
}

/** However many hang: a person who typed Ctrl-C waits no longer. */
const STOP_MS = 25_000

/** The whole product as in production, on this machine. It ends with a signal, and with the process that started it. */
export async function runStack(options: StackOptions): Promise<void> {
  await needServers(PRODUCT_SERVERS)
  const { dir } = options
  const { release } = await claimDataDir(dir)
  const lines = lineFormat({ color: isColor, raw: options.raw })
  const supervisor = openSupervisor({ onEvent: event => write(lines('stack', wordsOf(event))) })
  const closers = [release, supervisor.stop]
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= (async () => {
      const late = setTimeout(() => process.exit(1), STOP_MS)
      for (const close of closers.toReversed()) {
        await close().catch((error: unknown) => void process.stderr.write(`${(error as Error).message}\n`))
      }
      clearTimeout(late)
    })()
    return stopped
  }
  stopWithParent(stop)
  try {
    await start(options, { supervisor, closers, onLine: (name, line) => write(lines(name, line)) })
  } catch (error) {
    await stop()
    throw explainStart(error, dir)
  }
}

interface Opened {
  supervisor: Supervisor
  /** What is to be closed, last first. */
  closers: (() => Promise<void>)[]
  onLine: (name: string, line: string) => void
}

async function start(options: StackOptions, { supervisor, closers, onLine }: Opened): Promise<void> {
  const { dir } = options
  if (options.reset) await emptyDataDir(dir)
  const ports = await (options.ports ?? pickPorts)()
  const { env, databaseUrl, outside } = await startServers(supervisor, dir, ports)
  await step(
    { fr: 'Structure des données et comptes de démonstration', en: 'Data structure and demo accounts' },
    () => prepareDemo(env),
  )
  for (const wave of (options.plan ?? plan)({ ports, env })) {
    await supervisor.start(wave.map(program => programUnit(program, onLine)))
  }
  const control = await serveControl(supervisor)
  closers.push(control.close)
  await writeFile(controlFile(dir), control.path, { mode: 0o600 })
  await writeRunFile(dir, {
    pid: process.pid,
    databaseUrl,
    ports: { ...ports },
    proxyUrl: outside.proxy.url,
    settings: settingsOf(env, ports),
    startedAt: new Date().toISOString(),
  })
  closers.push(() => removeRunFile(dir))
  write(
    `\n${welcome({ ports, simulators: outside.control, monitorPassword: env.MONITOR_PASSWORD ?? '', databaseUrl, dir })}\n`,
  )
}

/** For commands beside the stack, as on a server that has everybody's addresses. */
function settingsOf(env: Record<string, string>, ports: { api1: number; api2: number; monitor: number }) {
  const own = Object.entries(env).filter(
    ([name]) => !/^(TOKEN_KEY|PEPPER|SEAL_KEY|PATH|HOME|LANG)$/.test(name),
  )
  return {
    ...Object.fromEntries(own),
    API_URLS: `http://127.0.0.1:${ports.api1},http://127.0.0.1:${ports.api2}`,
    MONITOR_URL: `http://127.0.0.1:${ports.monitor}`,
  }
}

function wordsOf(event: UnitEvent): string {
  const { name } = event
  if (event.kind === 'up') {
    const { pid, ms } = event
    return say({
      fr: `${name} tourne (processus ${pid}, ${seconds(ms)})`,
      en: `${name} is up (process ${pid}, ${seconds(ms)})`,
    })
  }
  if (event.kind === 'told') return `${name} ← ${event.what}`
  const wait = seconds(event.againInMs)
  if (event.kind === 'died') {
    return say({
      fr: `${name} est mort : redémarrage dans ${wait}`,
      en: `${name} has died: started again in ${wait}`,
    })
  }
  const why = event.error.message
  return say({
    fr: `${name} n’a pas redémarré, nouvel essai dans ${wait} : ${why}`,
    en: `${name} did not start again, next try in ${wait}: ${why}`,
  })
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
const isColor = Boolean(process.stdout.isTTY && !process.env.NO_COLOR)
const write = (text: string): void => void process.stdout.write(`${text}\n`)
