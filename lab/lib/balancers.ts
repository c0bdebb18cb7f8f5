import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Laboratory } from './laboratory.ts'
import { balancerService } from './servers.ts'

/** Of the second process; the first has those of the inventory. */
const SECOND = { name: 'haproxy_2', socket: 'admin-2.sock', metrics: 8405 }

/**
 * A second HAProxy beside the first, on the same address and files: the kernel deals connections out to both. Each connection takes two
 * descriptors, and one process may not open enough of them here.
 */
export async function addBalancerProcess(lab: Laboratory): Promise<void> {
  const file = await writeSecond(lab)
  const service = await balancerService(lab.root('balancer1'))
  await lab.units.add([
    {
      ...service,
      name: SECOND.name,
      command: async () => ({ command: ['/usr/sbin/haproxy', '-W', '-db', '-f', file] }),
      ready: service.ready.map(word => word.replace(':8404', `:${SECOND.metrics}`)),
    },
  ])
}

/** As `systemctl reload haproxy`, of each: the new one takes what comes, the old one keeps what is open. */
export async function reloadBalancers(lab: Laboratory): Promise<void> {
  const running = lab.units.supervisor.status().filter(({ name }) => name.startsWith('haproxy'))
  if (running.some(({ name }) => name === SECOND.name)) await writeSecond(lab)
  for (const { name, pid } of running) {
    if (!pid) throw new Error(`${name} does not run`)
    process.kill(pid, 'SIGUSR2')
  }
}

/** The file of the second, from that of the first. */
async function writeSecond(lab: Laboratory): Promise<string> {
  const folder = join(lab.root('balancer1'), 'etc/haproxy')
  const first = await readFile(join(folder, 'haproxy.cfg'), 'utf8')
  const changed = first
    .replace('/admin.sock', `/${SECOND.socket}`)
    .replaceAll('/nobody.sock', '/nobody-2.sock')
    .replace(/^(frontend metrics\n {2}bind \S+):\d+$/m, `$1:${SECOND.metrics}`)
  const file = join(folder, 'haproxy-2.cfg')
  await writeFile(file, changed)
  return file
}
