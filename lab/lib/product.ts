import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import type { Machine } from './places.ts'
import { readCompose } from './servers.ts'
import type { Service } from './units.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const STOP_MS = 50_000
const COMPOSE = { server2: 'docker-compose.production.yml', server3: 'docker-compose.workers.yml' } as const

/** A folder for each version of the product, in the place of its image. */
export const versionFolder = (folder: string, version: string): string => join(folder, 'versions', version)

/** The version of this checkout, as it is. */
export async function thisVersion(folder: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  await mkdir(join(folder, 'versions'), { recursive: true })
  await symlink(ROOT, versionFolder(folder, version))
  return version
}

/** Another version: a copy of this one that says so, and in which `change` may alter what it likes. */
export async function makeVersion(
  folder: string,
  version: string,
  change: (copy: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const copy = versionFolder(folder, version)
  await mkdir(copy, { recursive: true })
  for (const part of ['src', 'migrations', 'bin', 'openapi.json', 'package.json'])
    await cp(join(ROOT, part), join(copy, part), { recursive: true })
  for (const part of ['node_modules', 'web']) await symlink(join(ROOT, part), join(copy, part))
  const file = join(copy, 'package.json')
  const described = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...described, version }))
  await change(copy)
}

/** The processes of the product on a server, as its compose file and its settings have them. */
export async function productServices(
  machine: 'server2' | 'server3',
  root: string,
  folder: string,
): Promise<Service[]> {
  const { services } = await readCompose(root, COMPOSE[machine])
  const flags = JSON.parse(await readFile(join(ROOT, 'bin/node-flags.json'), 'utf8')) as string[]
  return Object.entries(services)
    .filter(([name, { image }]) => image.startsWith('samaconso:') && name !== 'samaconso_command')
    .map(([name, { command = [], environment = {} }]) => ({
      name,
      place: machine,
      async command() {
        const settings = await readSettings(root)
        const version = settings[`${name.toUpperCase()}_VERSION`] ?? ''
        return {
          command: [process.execPath, ...flags, 'src/main.ts', ...command],
          env: { ...settings, ...environment },
          cwd: versionFolder(folder, version),
        }
      },
      ready: healthOf(environment),
      stopMs: STOP_MS,
    }))
}

/** As the compose file asks: an API whether it is ready, the others on their metrics. */
const healthOf = ({ PORT, METRICS_PORT }: Record<string, string>): string[] => [
  ...['curl', '-sfo', '/dev/null', '--max-time', '3'],
  PORT ? `http://127.0.0.1:${PORT}/health/ready` : `http://127.0.0.1:${METRICS_PORT}/metrics`,
]

/** `.env.production` of a machine. */
export async function readSettings(root: string): Promise<Record<string, string>> {
  const parsed = parseEnv(await readFile(join(root, 'opt/samaconso/.env.production'), 'utf8'))
  return parsed as Record<string, string>
}

/** What a shell on a machine, and what SSH stands for, has in its environment. */
export function machineEnvironment(folder: string, machine: Machine): Record<string, string> {
  const root = join(folder, 'machines', machine)
  return {
    LAB: folder,
    MACHINE: machine,
    NODE: process.execPath,
    APPLICATION_ROOT: join(root, 'opt/samaconso'),
    SAMACONSO_BACKUP: join(root, 'etc/samaconso/backup.conf'),
    SAMACONSO_MACHINE: join(root, 'etc/samaconso/machine.conf'),
    HAPROXY_SOCKETS: join(root, 'run/haproxy/admin*.sock'),
    PATH: [
      join(ROOT, 'lab/bin'),
      join(root, 'usr/local/sbin'),
      join(root, 'usr/local/bin'),
      process.env.PATH,
    ].join(':'),
  }
}
