import { readdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Laboratory } from './laboratory.ts'
import { balancerService } from './servers.ts'

/** Of the second process; the first has those of the inventory. */
const SECOND = { socket: 'admin-2.sock', metrics: 8405 }
const TICKS_PER_SECOND = 100

/**
 * A second HAProxy beside the first, on the same address and files: the kernel deals connections out to both. Each connection takes two
 * descriptors, and one process may not open enough of them here. It has a socket of its own, which the scripts of deploy/ do not know.
 */
export async function addBalancerProcess(lab: Laboratory): Promise<void> {
  const root = lab.root('balancer1')
  const file = join(root, 'etc/haproxy/haproxy-2.cfg')
  const first = await readFile(join(root, 'etc/haproxy/haproxy.cfg'), 'utf8')
  const changed = first
    .replace('/admin.sock', `/${SECOND.socket}`)
    .replaceAll('/nobody.sock', '/nobody-2.sock')
    .replace(/^(frontend metrics\n {2}bind \S+):\d+$/m, `$1:${SECOND.metrics}`)
  await writeFile(file, changed)
  const service = await balancerService(root)
  await lab.units.add([
    {
      ...service,
      name: 'haproxy_2',
      command: async () => ({ command: ['/usr/sbin/haproxy', '-W', '-db', '-f', file] }),
      ready: service.ready.map(word => word.replace(':8404', `:${SECOND.metrics}`)),
    },
  ])
}

/** Share of all processors that the laboratory's processes take, customers and outside systems among them: 1 is all. */
export async function shareTaken(ms: number): Promise<number> {
  const before = await ticks()
  const startedAt = performance.now()
  await pause(ms)
  const after = await ticks()
  let spent = 0
  for (const [pid, now] of after) spent += now - (before.get(pid) ?? 0)
  const seconds = (performance.now() - startedAt) / 1_000
  return spent / TICKS_PER_SECOND / seconds / availableParallelism()
}

/** What each process has taken so far; no others than the laboratory's are to be seen from within. */
async function ticks(): Promise<Map<string, number>> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const taken = new Map<string, number>()
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    // After the name, which may hold anything: state is the first.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    taken.set(pid, Number(fields[11] ?? 0) + Number(fields[12] ?? 0))
  }
  return taken
}
