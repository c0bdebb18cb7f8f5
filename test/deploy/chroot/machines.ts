import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { copy, type Inside, inside, must, run } from './chroot.ts'

// The roles of a server, applied to a Debian in a folder as they are to a machine: by Ansible, module by module, with packages
// from Debian. What is left out is what needs a running system: services are neither started nor reloaded.

export interface Machine {
  name: string
  playbook: string
}
export const MACHINES: readonly Machine[] = [
  { name: 'server1', playbook: 'server1.yml' },
  { name: 'server2', playbook: 'server2.yml' },
  { name: 'server3', playbook: 'server3.yml' },
  { name: 'balancer1', playbook: 'balancer.yml' },
]

export interface Site {
  folder: string
  inventory: string
  close(): Promise<void>
}

/** The example inventory with secrets of its own, for machines that are folders; and a shelf with what is not Debian's. */
export async function openSite(root: string, folder: string): Promise<Site> {
  const inventory = join(folder, 'inventory')
  cpSync(join(root, 'deploy/ansible/inventory/example'), inventory, { recursive: true })
  await must([join(root, 'deploy/make-secrets'), inventory])
  const shelf = await openShelf(folder)
  const settings = {
    ansible_connection: 'community.general.chroot',
    ansible_host: `${folder}/{{ inventory_hostname }}`,
    ansible_python_interpreter: '/usr/bin/python3',
    manage_services: false,
    // This machine reaches Debian by itself.
    proxy: { host: '', port: 3128 },
    operators: {
      awa: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8yWmpSDdMUmjZv1NQ8S7zFC2Hs7jCq1eYXWm8pYHIL awa'],
    },
    minio_download: shelf.url,
    log_agent_package: `${shelf.url}/alloy.deb`,
  }
  // JSON is YAML.
  writeFileSync(join(inventory, 'group_vars/all/folder.yml'), JSON.stringify(settings))
  return { folder, inventory, close: shelf.close }
}

/**
 * MinIO and the log agent come from the internet in production. Here they come from this shelf by the same tasks: programs that
 * do nothing, with the sum that MinIO publishes beside its own.
 */
async function openShelf(folder: string): Promise<{ url: string; close(): Promise<void> }> {
  const program = Buffer.from('#!/bin/sh\nexit 0\n')
  const control =
    'Package: alloy\nVersion: 1.3.1-1\nArchitecture: all\nMaintainer: nobody <nobody@samaconso.example>\nDescription: stand-in\n'
  const built = join(folder, 'alloy')
  mkdirSync(join(built, 'DEBIAN'), { recursive: true })
  writeFileSync(join(built, 'DEBIAN/control'), control)
  await must(['dpkg-deb', '--root-owner-group', '--build', built, join(folder, 'alloy.deb')])
  const agent = readFileSync(join(folder, 'alloy.deb'))
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    if (path === '/alloy.deb') return void response.end(agent)
    if (!/\/(minio|mc)\.RELEASE\.[\dTZ-]+(\.sha256sum)?$/.test(path))
      return void response.writeHead(404).end()
    const name = path.replace(/.*\//, '').replace('.sha256sum', '')
    const sum = `${createHash('sha256').update(program).digest('hex')}  ${name}\n`
    response.end(path.endsWith('.sha256sum') ? sum : program)
  })
  await new Promise<void>(done => void server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise(done => void server.close(() => done())),
  }
}

export interface Applied {
  ok: number
  changed: number
  failed: number
  /** Tasks that changed something, by their names. */
  changes: string[]
  output: string
}

/** Runs the machine's playbook. */
export async function apply(
  root: string,
  site: Site,
  { name, playbook }: Machine,
  more: readonly string[] = [],
): Promise<Applied> {
  const machine = join(site.folder, name)
  // The mount that programs want is there for as long as Ansible works on the machine.
  const { output } = await run(
    [
      ...['unshare', '-m', 'sh', '-ec', 'mount -t proc proc "$0/proc" && exec "$@"', machine],
      ...['ansible-playbook', '-i', site.inventory, playbook, ...more],
    ],
    {
      cwd: join(root, 'deploy/ansible'),
      env: {
        ANSIBLE_LOG_PATH: '/dev/null',
        ANSIBLE_NOCOLOR: '1',
        ANSIBLE_LOCAL_TEMP: join(site.folder, 'ansible'),
      },
      minutes: 20,
    },
  )
  const recap = new RegExp(`^${name} +: ok=(\\d+) +changed=(\\d+) +unreachable=(\\d+) +failed=(\\d+)`, 'm')
  const [, ok, changed, unreachable, failed] = recap.exec(output) ?? []
  if (ok === undefined) throw new Error(`${playbook} told no result:\n${output.slice(-6_000)}`)
  const tasks = output.split(/^(?:TASK|RUNNING HANDLER) \[/m).slice(1)
  return {
    ok: Number(ok),
    changed: Number(changed),
    failed: Number(failed) + Number(unreachable),
    changes: tasks.filter(task => /^changed: /m.test(task)).map(task => task.split(']')[0] ?? ''),
    output,
  }
}

/** Makes a machine, and rehearses on it as the guide says: nothing is there yet, and nothing may be in the way. */
export async function rehearse(root: string, site: Site, base: string, machine: Machine): Promise<string> {
  await copy(base, join(site.folder, machine.name))
  const { failed, changed, output } = await apply(root, site, machine, ['--check', '--diff'])
  if (failed > 0 || changed < 20)
    throw new Error(`${failed} failed, ${changed} would change\n${lastOf(output)}`)
  return `${changed} changes told`
}

/** Applies a machine's roles as often as it takes to see that nothing is left to change. */
export async function install(root: string, site: Site, machine: Machine): Promise<string> {
  const first = await apply(root, site, machine)
  if (first.failed > 0 || first.changed < 20)
    throw new Error(
      `the first time: ${first.failed} failed, ${first.changed} changed\n${lastOf(first.output)}`,
    )
  const second = await apply(root, site, machine)
  if (second.failed > 0 || second.changed > 0)
    throw new Error(
      `the second time: ${second.failed} failed, changed ${second.changes.join('; ')}\n${lastOf(second.output)}`,
    )
  return `${first.changed} changes, then 0 of ${second.ok} tasks`
}

/** A third time as a rehearsal: it sees what the others saw. */
export async function check(root: string, site: Site, machine: Machine): Promise<string> {
  const { failed, changed, changes, output } = await apply(root, site, machine, ['--check', '--diff'])
  if (failed + changed > 0)
    throw new Error(`${failed} failed, changes ${changes.join('; ')}\n${lastOf(output)}`)
  return 'nothing would change'
}

const lastOf = (output: string): string => output.slice(-4_000)

/** What the machine's own programs say of what was written; one line of result each, which is thrown when it is wrong. */
export async function ask(site: Site, { name }: Machine): Promise<string> {
  const machine = join(site.folder, name)
  const there = (path: string) => existsSync(join(machine, path))
  const questions: [what: string, command: string[], options?: Inside][] = [
    ['nftables', ['nft', '-c', '-f', '/etc/nftables.conf']],
    ['SSH', ['sh', '-c', 'mkdir -p /run/sshd && sshd -t']],
    ['Fail2Ban', ['fail2ban-client', '-t']],
    ['systemd', ['sh', '-ec', 'systemd-analyze verify /etc/systemd/system/samaconso-*.timer']],
    ['logrotate', ['logrotate', '--debug', '/etc/logrotate.conf']],
    [
      'the scripts',
      [
        'sh',
        '-ec',
        'for script in /usr/local/bin/*.sh /usr/local/sbin/samaconso-[bmrt]*; do bash -n "$script"; done',
      ],
    ],
    [
      'health_check_complet.sh',
      ['sh', '-c', 'bash /usr/local/bin/health_check_complet.sh --json | grep -q checks'],
    ],
  ]
  if (there('etc/pgbouncer')) {
    const version = /PG_BIN=.*\/(\d+)\//.exec(
      readFileSync(join(machine, 'etc/samaconso/backup.conf'), 'utf8'),
    )?.[1]
    const etc = `/etc/postgresql/${version}/main`
    questions.push(
      [
        'PostgreSQL',
        [`/usr/lib/postgresql/${version}/bin/postgres`, '-D', etc, '-C', 'ssl_cert_file'],
        { user: 'postgres' },
      ],
      [
        'the archive',
        ['pgbackrest', '--config=/etc/pgbackrest/pgbackrest.conf', 'info'],
        { user: 'postgres' },
      ],
      [
        'PgBouncer’s exporter',
        ['sh', '-c', '/usr/local/sbin/samaconso-pgbouncer-exporter 2>&1 | grep -q ADDRESS:PORT'],
      ],
    )
  }
  if (there('etc/haproxy')) questions.push(['HAProxy', ['haproxy', '-c', '-f', '/etc/haproxy/haproxy.cfg']])
  for (const [what, command, options] of questions) {
    const { code, output } = await run(inside(machine, command, options), { minutes: 1 })
    if (code !== 0) throw new Error(`${what} ended with ${code}:\n${output.slice(-2_000)}`)
  }
  return `${questions.map(([what]) => what).join(', ')}: content`
}
