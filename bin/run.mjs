// Runs a script of the project under the right Node, on an up-to-date set of packages. Works on Node 20 and later with
// npm alone, so it is plain JavaScript without dependencies.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Noted before anything else, while who started us is surely there.
const parent = process.ppid
const shells = process.env.npm_lifecycle_event ? shellsAbove(parent) : []
const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const [script, ...args] = process.argv.slice(2)
// What only serves development is left out of a mere start: it halves the first download.
const withDevelopment = !script.startsWith('src/')
const english = /^en/.test(process.env.LC_ALL || process.env.LC_MESSAGES || process.env.LANG || '')
const say = (fr, en) => (english ? en : fr)

/** Whether node_modules holds what the lockfile says. */
function isInstalled() {
  const wanted = readJson('package-lock.json')?.packages
  const present = readJson('node_modules/.package-lock.json')?.packages
  if (!wanted || !present) return false
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || (entry.dev && !withDevelopment)) return true
    const found = present[path]
    return found ? found.version === entry.version : entry.optional || entry.peer || entry.devOptional
  })
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8'))
  } catch {
    return undefined
  }
}

function install() {
  process.stderr.write(
    say(
      'Installation des paquets (une seule fois, une minute environ)…\n',
      'Installing packages (once, about a minute)…\n',
    ),
  )
  const npm = process.env.npm_execpath
  const command = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  if (!withDevelopment) command.push('--omit=dev')
  const result = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...command], { cwd: root, stdio: ['ignore', 2, 2] })
    : spawnSync('npm', command, { cwd: root, stdio: ['ignore', 2, 2] })
  if (result.status !== 0) {
    fail(
      'Les paquets n’ont pas pu être installés : vérifiez la connexion et l’espace disque (1 Go), puis recommencez.',
      'The packages could not be installed: check the connection and the disk space (1 GB), then try again.',
    )
  }
}

/** The web apps, where they are not what their sources say: a second or two, else a moment. */
function buildWeb() {
  const result = spawnSync(findNode(), [join(root, 'web/build.ts')], { stdio: ['ignore', 2, 2] })
  if (result.status !== 0) {
    fail(
      'Les pages web n’ont pas pu être construites : voyez ci-dessus.',
      'The web pages could not be built: see above.',
    )
  }
}

function fail(fr, en) {
  process.stderr.write(`\n${say(fr, en)}\n`)
  process.exit(1)
}

/** Node 24: the one of the packages, or this one when it is recent enough. */
function findNode() {
  const names = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`]
  for (const name of names) {
    const path = join(root, 'node_modules', name, 'bin', 'node')
    if (existsSync(path)) return path
  }
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  return fail(
    `Il faut Node 24 sur cette machine (${process.platform} ${process.arch}) : installez-le, puis recommencez.`,
    `This machine (${process.platform} ${process.arch}) needs Node 24: install it, then try again.`,
  )
}

/** npm puts a shell or two between itself and us, which may outlive it: each with its own parent. */
function shellsAbove(pid) {
  const above = processOf(pid)
  return above && /^\w*sh$/.test(above.name) ? [{ pid, ...above }, ...shellsAbove(above.parent)] : []
}

/** Name and parent of a process, where the system tells (Linux). */
function processOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const end = stat.lastIndexOf(')')
    return { name: stat.slice(stat.indexOf('(') + 1, end), parent: Number(stat.slice(end + 2).split(' ')[1]) }
  } catch {
    return undefined
  }
}

/** Killed npm, or a closed terminal that told nobody: our parent changes, or that of a shell above us. */
const isOrphan = () =>
  process.ppid !== parent || shells.some(shell => processOf(shell.pid)?.parent !== shell.parent)

if (!isInstalled()) install()
buildWeb()

// node:http2 leaves closed streams behind that only a full collection takes, and V8 puts that off for hundreds of megabytes
// where it may take all of a machine. Told what it may take, a process of the product stays under 300 MB while it sends;
// more collections cost it processor time. The product alone: what builds and tests it may take what it needs.
const flags = withDevelopment ? [] : JSON.parse(readFileSync(join(root, 'bin/node-flags.json'), 'utf8'))

// A group of its own: the keys typed in a terminal reach it through us, once.
const child = spawn(findNode(), [...flags, join(root, script), ...args], {
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  detached: true,
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
const watch = setInterval(() => {
  if (isOrphan()) child.kill('SIGTERM')
}, 300)
child.once('error', error =>
  fail(`Node ne démarre pas : ${error.message}`, `Node does not start: ${error.message}`),
)
child.once('exit', (code, signal) => {
  clearInterval(watch)
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
})
