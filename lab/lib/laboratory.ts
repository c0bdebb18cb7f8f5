import { randomBytes } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadOrCreateAuthority } from '../../simulators/authority.ts'
import type { Addresses } from '../../simulators/index.ts'
import { serveControl, type Verb } from './control.ts'
import { mountDisks } from './disks.ts'
import { layoutOf, renderMachines, VIP_NAMES } from './inventory.ts'
import { mailboxService } from './mailbox.ts'
import { exporterServices, monitoringServices } from './monitoring.ts'
import { applyMachine, buildNetwork, forwardOutside } from './network.ts'
import { startOutside } from './outside.ts'
import { ADDRESSES, MACHINES, type Machine } from './places.ts'
import { machineEnvironment, productServices, thisVersion } from './product.ts'
import { run } from './run.ts'
import {
  balancerService,
  bringUpDatabase,
  brokerService,
  cacheService,
  dataServices,
  machineRoot,
} from './servers.ts'
import { openUnits, type Units } from './units.ts'

/** Everything of the laboratory, running. */
export interface Laboratory {
  folder: string
  /** Folder of a machine's files. */
  root(machine: Machine): string
  units: Units
  outside: Addresses
  /** The authority of the certificate that customers see, in PEM. */
  authorityFile: string
  /** Login of the administrator that was made with `samaconso user create`. */
  admin: { login: string; password: string }
  /** Runs a command on a machine, as an operator does. */
  on(machine: Machine, command: readonly string[], ms?: number): Promise<string>
}

export interface LaboratoryOptions {
  folder: string
  customers: number
  /** Told what is being done, for people. */
  say(text: string): void
  down(): void
}

const REMOTE = fileURLToPath(new URL('../bin/remote', import.meta.url))
const COMMAND_MS = 120_000

/**
 * Builds the network, writes every machine's files by deploy/, starts every server and process on them, and fills in
 * customers and an administrator. Only within namespaces of its own (`main.ts` sees to that).
 */
export async function openLaboratory({
  folder,
  customers,
  say,
  down,
}: LaboratoryOptions): Promise<Laboratory> {
  const layout = layoutOf(folder)
  await mkdir(join(folder, 'logs'), { recursive: true })
  const units = openUnits(folder, text =>
    appendFileSync(join(folder, 'logs/lab.log'), `${new Date().toISOString()} ${text}\n`),
  )
  const root = (machine: Machine) => machineRoot(layout.machines, machine)
  const on = (machine: Machine, command: readonly string[], ms = COMMAND_MS) =>
    run([REMOTE, machine, ADDRESSES[machine][0], ...command], { ms, env: { LAB: folder } })

  await buildNetwork()
  say('network: outside, balancer1, server1, server2, server3, admin')
  const outside = await startOutside(units, folder)
  await forwardOutside(portsOf(outside))
  await units.add([mailboxService(folder)])
  say('outside: SIC, Postpaid, SMS, proxy, FCM, a mail relay')
  await mountDisks(folder)
  const authority = await loadOrCreateAuthority(join(folder, 'outside'))
  await renderMachines(layout, outside, await authority.issue(VIP_NAMES))
  say('files of every machine, from deploy/')
  const version = await thisVersion(folder)
  for (const machine of MACHINES) {
    await applyMachine(machine, root(machine))
    await makeFolders(root(machine))
    await writeFile(join(layout.machines, `${machine}.env`), shellOf(machineEnvironment(folder, machine)))
  }
  const [data, broker, cache] = await Promise.all([
    dataServices(root('server1')),
    brokerService(root('server2')),
    cacheService(root('server3')),
  ])
  await units.add([...data, broker, cache])
  await bringUpDatabase(root('server1'))
  say('servers: PostgreSQL, PgBouncer, object storage, RabbitMQ, Redis')
  await on('server2', ['samaconso', 'migrate'])
  const admin = await fill(on, folder, customers)
  say(`database: migrated, ${customers} customers, an administrator`)
  await units.add(await productServices('server3', root('server3'), folder))
  await units.add(await productServices('server2', root('server2'), folder))
  await units.add([await balancerService(root('balancer1'))])
  say(`product: version ${version}, behind HAProxy`)
  const watchers = MACHINES.flatMap(machine =>
    exporterServices(machine, root(machine), ADDRESSES[machine][0]),
  )
  await units.add([...(await monitoringServices(root('server3'))), ...watchers])
  say('monitoring')

  await serveControl(folder, {
    status: units.supervisor.status,
    act: async (verb: Verb, name) => units[verb](name),
    down,
  })
  return {
    folder,
    root,
    units,
    outside,
    authorityFile: outside.caFile,
    admin,
    on,
  }
}

/** What installing makes, and no file of deploy/ brings with it. */
export async function makeFolders(root: string): Promise<void> {
  for (const path of ['prometheus/node-exporter', 'samaconso/operations'])
    await mkdir(join(root, 'var/lib', path), { recursive: true })
}

async function fill(on: Laboratory['on'], folder: string, customers: number): Promise<Laboratory['admin']> {
  const admin = { login: 'lab.admin', password: `lab-${randomBytes(12).toString('base64url')}` }
  const file = join(folder, 'admin-password')
  await writeFile(file, admin.password, { mode: 0o600 })
  await on('server3', ['samaconso', 'seed', '--customers', String(customers)])
  const words = [
    '--login',
    admin.login,
    '--first-name',
    'Lab',
    '--last-name',
    'Admin',
    '--password-file',
    file,
  ]
  await on('server2', ['samaconso', 'user', 'create', ...words])
  return admin
}

const portsOf = ({ proxy, sic, postpaid, sms }: Addresses) => ({
  proxy: Number(new URL(proxy.url).port),
  sic: sic.port,
  postpaid: postpaid.port,
  sms: Number(new URL(sms.url).port),
})

/** Assignments that a shell reads. */
const shellOf = (environment: Record<string, string>): string =>
  Object.entries(environment)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('')
