import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { mountDisk, unmountDisk } from './disks.ts'
import { layoutOf, writeFiles } from './inventory.ts'
import { type Laboratory, makeFolders } from './laboratory.ts'
import { applyMachine, inPlace, setCable } from './network.ts'
import { run } from './run.ts'
import { bringUpDatabase, brokerService, dataServices } from './servers.ts'

const GONE_MS = 20_000

/** What a volume of its own, or NFS, keeps when server 1 is gone. */
const BACKUPS = 'var/backups'
const keptOf = (lab: Laboratory) => join(lab.folder, 'kept-backups')

/** All of a server is gone at once: its network, its processes, its disk and every file; its backups are elsewhere. */
export async function destroy(lab: Laboratory, machine: 'server1' | 'server2'): Promise<void> {
  await setCable(machine, 'down')
  const names = lab.units.holdAllOf(machine)
  const pids = (await run(['ip', 'netns', 'pids', machine])).split('\n').filter(Boolean)
  // One may have ended by itself meanwhile.
  await run(['kill', '-KILL', ...pids]).catch(() => undefined)
  const isGone = () =>
    lab.units.supervisor.status().every(({ name, state }) => !names.includes(name) || state !== 'up')
  for (const deadline = Date.now() + GONE_MS; !isGone(); await new Promise(done => setTimeout(done, 50)))
    if (Date.now() > deadline) throw new Error(`${machine} does not go`)
  await run([...inPlace(machine), 'nft', 'flush', 'ruleset'])
  if (machine === 'server1') await rename(join(lab.root(machine), BACKUPS), keptOf(lab))
  await unmountDisk(lab.folder, machine)
  await rm(lab.root(machine), { recursive: true })
}

/** An empty machine again, with its playbook applied: files, firewall, servers and processes. Data is not back yet. */
export async function rebuild(lab: Laboratory, machine: 'server1' | 'server2'): Promise<void> {
  const root = lab.root(machine)
  await mountDisk(lab.folder, machine)
  if (machine === 'server1') {
    await mkdir(join(root, 'var'), { recursive: true })
    await rename(keptOf(lab), join(root, BACKUPS))
  }
  await writeFiles(layoutOf(lab.folder), [machine])
  await makeFolders(root)
  await applyMachine(machine, root)
  await setCable(machine, 'up')
  if (machine === 'server1') {
    await dataServices(root)
    await lab.units.start('postgresql')
    await bringUpDatabase(root)
    await Promise.all(['pgbouncer', 'storage'].map(lab.units.start))
  } else {
    await brokerService(root)
    await lab.units.start('samaconso_rabbitmq')
  }
  // Whatever else there is, side by side.
  await Promise.all(lab.units.heldOf(machine).map(lab.units.start))
}
