import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Machine } from './places.ts'
import { type ComposeService, readCompose } from './servers.ts'
import type { Service } from './units.ts'

/** Debian's programs in the place of images. Grafana and Loki have none there. */
const PROGRAMS: Record<string, { program: string; port: number }> = {
  samaconso_prometheus: { program: '/usr/bin/prometheus', port: 9090 },
  samaconso_alertmanager: { program: '/usr/bin/prometheus-alertmanager', port: 9093 },
  samaconso_blackbox: { program: '/usr/bin/prometheus-blackbox-exporter', port: 9115 },
  samaconso_redis_exporter: { program: '/usr/bin/prometheus-redis-exporter', port: 9121 },
}

/** Exporters that run beside what they watch, from the files that their services read. */
const EXPORTERS: readonly Exporter[] = [
  { name: 'prometheus-node-exporter', folder: '/usr/bin', port: 9100, on: () => true },
  {
    name: 'prometheus-postgres-exporter',
    folder: '/usr/bin',
    port: 9187,
    on: machine => machine === 'server1',
  },
  {
    name: 'samaconso-pgbouncer-exporter',
    folder: fileURLToPath(new URL('../../deploy/bin', import.meta.url)),
    port: 9127,
    on: machine => machine === 'server1',
  },
]

interface Exporter {
  name: string
  folder: string
  port: number
  on: (machine: Machine) => boolean
}

const READY_MS = 20_000
const connects = (host: string, port: number) => ['bash', '-c', `exec 3<>/dev/tcp/${host}/${port}`]

/** Prometheus, Alertmanager and their like on server 3, as far as the programs are on this machine. */
export async function monitoringServices(root: string): Promise<Service[]> {
  const { services } = await readCompose(root, 'docker-compose.monitoring.yml')
  const here = Object.entries(services).filter(([name]) => existsSync(PROGRAMS[name]?.program ?? ''))
  for (const name of ['prometheus', 'alertmanager'])
    await mkdir(join(root, 'var/lib/samaconso', name), { recursive: true })
  return here.map(([name, service]) => serviceOf(root, name, service))
}

function serviceOf(root: string, name: string, { command = [] }: ComposeService): Service {
  const { program, port } = PROGRAMS[name] as (typeof PROGRAMS)[string]
  return {
    name,
    place: 'server3',
    command: async () => ({ command: [program, ...command.map(argument => below(root, argument))] }),
    ready: connects('127.0.0.1', port),
    readyMs: READY_MS,
  }
}

/** What a container sees at a path lies below the machine's folder here. */
const below = (root: string, argument: string): string =>
  argument.replace(/=\/(run\/secrets|etc|var)\//, (_, path: string) =>
    path === 'run/secrets' ? `=${root}/opt/samaconso/secrets/` : `=${root}/${path}/`,
  )

/** The exporters of a machine. */
export function exporterServices(machine: Machine, root: string, address: string): Service[] {
  return EXPORTERS.filter(({ name, folder, on }) => on(machine) && existsSync(join(folder, name))).map(
    ({ name, folder, port }) => ({
      name: `${name.replace(/^(prometheus|samaconso)-/, '')}@${machine}`,
      place: machine,
      command: async () => ({
        command: [
          'bash',
          '-c',
          `set -a; . "$0"; exec ${join(folder, name)} $ARGS`,
          join(root, 'etc/default', name),
        ],
      }),
      ready: connects(address, port),
      readyMs: READY_MS,
    }),
  )
}
