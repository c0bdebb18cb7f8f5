import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

// A Debian in a folder. Whatever is mounted is mounted for the command alone (`unshare -m`), so nothing can stay mounted, and
// removing the folder can remove nothing else.

const PARENT = '/var/tmp'
const PREFIX = 'samaconso-chroot-'
/** The machine's own source of packages. */
export const MIRROR = /^\S+$/m
  .exec(
    spawnSync('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'], {
      encoding: 'utf8',
    }).stdout ?? '',
  )?.[0]
  .replace(/\/$/, '')
/** Of a server's image: systemd, which minbase leaves out, what install-here brings, and what Node stands on. */
const INCLUDED = [
  'systemd',
  'python3',
  'python3-apt',
  'python3-cryptography',
  'sudo',
  'ca-certificates',
  'libatomic1',
]

export interface Ended {
  code: number
  output: string
}

/** Runs a command to its end, for so many minutes at most; both outputs are in the answer. */
export function run(
  command: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; minutes?: number } = {},
): Promise<Ended> {
  const [program = '', ...args] = command
  return new Promise((done, fail) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Of its own, to be ended with all that it started.
      detached: true,
    })
    let output = ''
    const end = () => {
      if (child.pid && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    }
    running.add(end)
    const tooLong = setTimeout(end, (options.minutes ?? 10) * 60_000)
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', chunk => {
        output += chunk
      })
    child.once('error', fail)
    child.once('close', code => {
      clearTimeout(tooLong)
      running.delete(end)
      done({ code: code ?? -1, output })
    })
  })
}
const running = new Set<() => void>()

/** Ends what still runs: somebody stopped us. */
export function endAll(): void {
  for (const end of running) end()
}

/** Runs a command, which must succeed; its output. */
export async function must(
  command: readonly string[],
  options: Parameters<typeof run>[1] = {},
): Promise<string> {
  const { code, output } = await run(command, options)
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}:\n${output.slice(-6_000)}`)
  return output
}

/** A folder for this run; those of runs that were killed are removed. */
export async function openFolder(): Promise<{ folder: string; remove(): Promise<void> }> {
  for (const name of readdirSync(PARENT).filter(name => name.startsWith(PREFIX))) {
    const pid = name.slice(PREFIX.length).split('-')[0]
    if (!existsSync(`/proc/${pid}`)) await removeFolder(join(PARENT, name))
  }
  const folder = mkdtempSync(join(PARENT, `${PREFIX}${process.pid}-`))
  return { folder, remove: () => removeFolder(folder) }
}

const removeFolder = async (folder: string) => void (await must(['rm', '-rf', '--one-file-system', folder]))

/** The Debian that every machine of the run begins as: made, or a copy of one that is there (another release, Ubuntu). */
export async function makeBase(base: string, given?: string): Promise<void> {
  if (given) await copy(given, base)
  else
    await must([
      'unshare',
      '-m',
      'debootstrap',
      '--variant=minbase',
      'bookworm',
      base,
      ...(MIRROR ? [MIRROR] : []),
    ])
  for (const file of ['/etc/resolv.conf', '/etc/hosts'])
    if (existsSync(file)) copyFileSync(file, join(base, file))
  // Nothing that is installed starts.
  writeFileSync(join(base, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const apt = ['apt-get', '-qq', '-o', 'APT::Install-Recommends=false']
  await must(inside(base, [...apt, 'update'], { env }))
  await must(inside(base, [...apt, 'install', '-y', ...INCLUDED], { env }))
  // Whom this machine believes: in some networks all that is fetched comes by a proxy with an authority of its own.
  const authorities = '/etc/ssl/certs/ca-certificates.crt'
  if (existsSync(authorities)) copyFileSync(authorities, join(base, authorities))
}

/** A machine, or a stage of an image, that begins as another. */
export const copy = (from: string, to: string): Promise<string> =>
  must(['cp', '-a', '--reflink=auto', from, to])

export interface Inside {
  user?: string
  cwd?: string
  env?: Record<string, string>
  minutes?: number
  /** Root's files cannot be written, nor privileges be won: as the compose files have it. */
  readOnly?: boolean
}

/** The command that runs another inside, with /proc, and nothing mounted once it has ended. */
export function inside(root: string, command: readonly string[], options: Inside = {}): string[] {
  const env = { HOME: '/root', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }
  const given = Object.entries({ ...env, LC_ALL: 'C.UTF-8', ...options.env }).map(
    ([key, value]) => `${key}=${value}`,
  )
  const steps = [
    'mount --bind "$0" "$0"',
    'cd "$0"',
    'mount -t proc proc proc',
    ...(options.readOnly
      ? ['mount -t tmpfs -o mode=1777,size=64m tmpfs tmp', 'mount -o remount,bind,ro "$0"']
      : []),
    'exec "$@"',
  ]
  const as = options.user
    ? ['setpriv', '--reuid', options.user, '--regid', options.user, '--clear-groups', '--inh-caps=-all']
    : []
  const bounds = options.readOnly ? ['--bounding-set=-all', '--no-new-privs'] : []
  const enter = ['chroot', '.', ...(as.length > 0 ? [...as, ...bounds, '--'] : [])]
  const place = ['sh', '-c', 'cd "$0" && exec "$@"', options.cwd ?? '/']
  return [
    ...['unshare', '-m', 'sh', '-ec', steps.join(' && '), root],
    ...[...enter, 'env', '-i', ...given, ...place, ...command],
  ]
}
