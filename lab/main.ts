// npm run lab -- up|status|logs|shell|down|drills: the three servers and the balancer on this machine (docs/lab.md).
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { StartError, say } from '../src/roles/say.ts'
import { needServers, SUITE_SERVERS } from '../test/servers/packages.ts'
import type { UnitStatus } from '../test/stack/supervisor.ts'
import { askControl } from './lib/control.ts'
import { PLACES } from './lib/places.ts'

const HELP = `npm run lab -- …
  up [--customers 2000]    the three servers, the balancer and the world around them, ready in about a minute
  status                   what runs where
  logs NAME                the log of one of them, as it grows (Ctrl-C ends it)
  shell PLACE [COMMAND]    a shell on outside, admin, balancer1, server1, server2 or server3
  kill|freeze|thaw|stop|start|restart NAME
  down                     ends it and removes all of it
  drills [--short] [NAME…] a laboratory of its own, every drill, and docs/drills.md
LAB_FOLDER (/var/tmp/samaconso-lab) tells which laboratory.`

const NOTHING_RUNS = {
  fr: 'Rien ne tourne : npm run lab -- up',
  en: 'Nothing runs: npm run lab -- up',
}
const FOLDER = process.env.LAB_FOLDER || '/var/tmp/samaconso-lab'
const INSIDE = fileURLToPath(new URL('inside.ts', import.meta.url))
const REMOTE = fileURLToPath(new URL('bin/remote', import.meta.url))
const READY_MS = 240_000
const ENDED_MS = 50_000
/** Private mounts, processes and network; the end of the first process is the end of all. */
const UNSHARE = ['unshare', '--mount', '--pid', '--net', '--fork', '--kill-child', '--mount-proc', '--']

async function main([verb = 'help', ...args]: string[]): Promise<number> {
  switch (verb) {
    case 'up':
      return up(args)
    case 'drills':
      return drills(args)
    case 'status':
      return status()
    case 'logs':
      return follow(args[0])
    case 'shell':
      return shell(args)
    case 'down':
      return down()
    case 'kill':
    case 'freeze':
    case 'thaw':
    case 'stop':
    case 'start':
    case 'restart':
      await askControl(FOLDER, 'POST', `/units/${args[0]}/${verb}`)
      return 0
    default:
      console.log(HELP)
      return verb === 'help' ? 0 : 2
  }
}

/** Namespaces are Linux's, and root's to make. */
async function needMachine(): Promise<void> {
  if (process.platform !== 'linux' || userInfo().uid !== 0) {
    throw new StartError({
      fr: 'Le laboratoire a besoin de Linux et de root (espaces de noms réseau) : lancez-le avec sudo, dans une machine virtuelle Debian ou Ubuntu au besoin. « npm run stack » marche partout.',
      en: 'The laboratory needs Linux and root (network namespaces): start it with sudo, in a Debian or Ubuntu virtual machine if need be. `npm run stack` works everywhere.',
    })
  }
  await needServers(SUITE_SERVERS)
}

async function up(args: readonly string[]): Promise<number> {
  await needMachine()
  if (hostPid()) {
    throw new StartError({
      fr: `Un laboratoire tourne déjà dans ${FOLDER} : « npm run lab -- down » d’abord.`,
      en: `A laboratory runs in ${FOLDER} already: \`npm run lab -- down\` first.`,
    })
  }
  const customers = args[0] === '--customers' ? (args[1] ?? '') : '2000'
  await clean()
  const log = openSync(join(FOLDER, 'start.log'), 'a')
  const child = spawn(
    UNSHARE[0] as string,
    [...UNSHARE.slice(1), process.execPath, INSIDE, FOLDER, 'stay', customers],
    {
      detached: true,
      stdio: ['ignore', log, log],
    },
  )
  closeSync(log)
  child.unref()
  await writeFile(join(FOLDER, 'pid'), String(child.pid))
  let isGone = false
  child.once('exit', () => {
    isGone = true
  })
  for (const deadline = Date.now() + READY_MS; !existsSync(join(FOLDER, 'ready')); await pause(200)) {
    if (!isGone && Date.now() < deadline) continue
    const said = readFileSync(join(FOLDER, 'start.log'), 'utf8')
    await down()
    throw new StartError({
      fr: `Le laboratoire n’a pas démarré :\n${said}`,
      en: `The laboratory did not start:\n${said}`,
    })
  }
  console.log(readFileSync(join(FOLDER, 'start.log'), 'utf8').trimEnd())
  console.log(await welcome())
  return 0
}

async function welcome(): Promise<string> {
  const seconds = (await readFile(join(FOLDER, 'ready'), 'utf8')).trim()
  return [
    '',
    say({
      fr: `Prêt après ${seconds} s. Les clients arrivent sur https://192.0.2.10, par exemple :`,
      en: `Ready after ${seconds} s. Customers arrive at https://192.0.2.10, for example:`,
    }),
    `  npm run lab -- shell outside curl -s --cacert ${FOLDER}/outside/ca.pem https://192.0.2.10/health`,
    '  npm run lab -- shell server2 samaconso doctor',
    '  npm run lab -- kill samaconso_api_1; npm run lab -- status',
  ].join('\n')
}

async function drills(args: readonly string[]): Promise<number> {
  await needMachine()
  if (hostPid()) await down()
  await clean()
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { short: { type: 'boolean', default: false }, report: { type: 'string' } },
    allowPositionals: true,
  })
  const size = values.short ? ['short', '300'] : ['drills', '5000']
  const inside = [INSIDE, FOLDER, ...size, ...positionals]
  const child = spawn(UNSHARE[0] as string, [...UNSHARE.slice(1), process.execPath, ...inside], {
    // Closed when we are gone, whatever ended us.
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  await writeFile(join(FOLDER, 'pid'), String(child.pid))
  const leave = () => child.stdin?.end()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, leave)
  process.on('disconnect', leave)
  const code = await new Promise<number>(done => child.once('exit', exit => done(exit ?? 1)))
  // Whoever listens to its parent stays for it.
  process.off('disconnect', leave)
  if (values.report) await writeFile(values.report, await countsOf(code))
  if (code === 0) await rm(FOLDER, { recursive: true, force: true })
  else console.error(`Logs: ${FOLDER}/logs`)
  return code
}

/** What passed and failed, for whoever runs it among other tests. */
async function countsOf(code: number): Promise<string> {
  const done = JSON.parse(await readFile(join(FOLDER, 'drills.json'), 'utf8').catch(() => '[]')) as {
    outcome: { wrong: string[] } | null
  }[]
  const passed = done.filter(({ outcome }) => outcome?.wrong.length === 0).length
  return JSON.stringify({ passed, failed: Math.max(done.length - passed, code === 0 ? 0 : 1), done })
}

async function status(): Promise<number> {
  const all = await askControl<UnitStatus[]>(FOLDER, 'GET', '/status')
  for (const { name, state, restarts } of all) {
    console.log(
      `${name.padEnd(28)}${state.padEnd(10)}${restarts > 0 ? `restarts: ${restarts}` : ''}`.trimEnd(),
    )
  }
  return all.every(({ state }) => state === 'up') ? 0 : 1
}

function follow(name = ''): number {
  return (
    spawnSync('tail', ['-n', '100', '-F', join(FOLDER, 'logs', `${name}.log`)], { stdio: 'inherit' })
      .status ?? 1
  )
}

/** Signs in on a machine, as an operator does by SSH. */
function shell([place = '', ...command]: string[]): number {
  const pid = hostPid()
  if (!pid || !(PLACES as string[]).includes(place)) {
    console.error(pid ? `shell ${PLACES.join('|')}` : say(NOTHING_RUNS))
    return 2
  }
  const enter = ['nsenter', '-t', String(pid), '--mount', '--pid', '--']
  const wanted = command.length > 0 ? command : ['bash', '--norc']
  const machine = place.startsWith('server') || place === 'balancer1'
  const within = machine ? [REMOTE, place, '-'] : ['nsenter', `--net=/run/netns/${place}`, '--']
  const env = { ...process.env, LAB: FOLDER, PS1: `${place}:\\w# ` }
  return (
    spawnSync(enter[0] as string, [...enter.slice(1), ...within, ...wanted], { stdio: 'inherit', env })
      .status ?? 1
  )
}

/** Ends the laboratory of the folder and removes it; there may be none. */
async function down(): Promise<number> {
  const outer = outerPid()
  if (outer) {
    await askControl(FOLDER, 'POST', '/down').catch(() => undefined)
    for (const deadline = Date.now() + ENDED_MS; outerPid() && Date.now() < deadline; ) await pause(100)
    // Its first process goes with it, and with that one everything.
    if (outerPid()) process.kill(outer, 'SIGKILL')
  }
  await rm(FOLDER, { recursive: true, force: true, maxRetries: 5 })
  return 0
}

async function clean(): Promise<void> {
  await rm(FOLDER, { recursive: true, force: true })
  await mkdir(FOLDER, { recursive: true, mode: 0o755 })
}

/** The process that keeps the namespaces, if it is still that one. */
function outerPid(): number | null {
  try {
    const pid = Number(readFileSync(join(FOLDER, 'pid'), 'utf8'))
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(FOLDER) ? pid : null
  } catch {
    return null
  }
}

/** The first process in the namespaces, by its number outside. */
function hostPid(): number | null {
  const outer = outerPid()
  if (!outer) return null
  const children = readFileSync(`/proc/${outer}/task/${outer}/children`, 'utf8').trim().split(' ')
  return Number(children[0]) || null
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const { code } = error as { code?: string }
  if (code === 'ENOENT' || code === 'ECONNREFUSED') console.error(say(NOTHING_RUNS))
  else console.error(error instanceof StartError ? `\n${error.message}\n` : error)
  process.exitCode = 1
}
