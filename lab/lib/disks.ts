import { mkdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { layoutOf } from './inventory.ts'
import { run } from './run.ts'

/** Each server's disk of data; RabbitMQ begins to wait when 2 GB are left. Files with holes, so that little of it is taken. */
const DISKS = { server1: '6G', server2: '4G', server3: '4G' } as const
export type Disked = keyof typeof DISKS

/** Where a server keeps what it has: databases, queues, cache, series. */
export const diskOf = (folder: string, machine: Disked): string =>
  join(layoutOf(folder).machines, machine, 'var/lib')

/** Gives each server a file system of its own. They are mounts of the laboratory, and vanish with it. */
export async function mountDisks(folder: string): Promise<void> {
  for (const machine of Object.keys(DISKS) as Disked[]) await mountDisk(folder, machine)
}

/** A new disk for a server, in the place of the one that it may have. */
export async function mountDisk(folder: string, machine: Disked): Promise<void> {
  const image = join(folder, 'disks', `${machine}.img`)
  const place = diskOf(folder, machine)
  for (const path of [join(folder, 'disks'), place]) await mkdir(path, { recursive: true })
  await rm(image, { force: true })
  await run(['truncate', '-s', DISKS[machine], image])
  await run(['mkfs.ext4', '-q', '-F', '-m', '0', image])
  // Without loop devices, in memory: there, no exporter counts it.
  await run(['mount', '-o', 'loop', image, place]).catch(() =>
    run(['mount', '-t', 'tmpfs', '-o', `size=${DISKS[machine]},mode=0755`, 'tmpfs', place]),
  )
}

export const unmountDisk = (folder: string, machine: Disked): Promise<string> =>
  run(['umount', diskOf(folder, machine)])

const filler = (folder: string, machine: Disked, name: string) =>
  join(diskOf(folder, machine), `filler-${name}`)

/** Takes a disk up to a share of it, or all of it. */
export async function fillDisk(folder: string, machine: Disked, share: number): Promise<void> {
  const { blocks, bavail, bsize } = await statfs(diskOf(folder, machine))
  const bytes = bsize * Math.floor(bavail - blocks * (1 - share))
  const file = (name: string) => filler(folder, machine, name)
  if (share < 1) {
    await run(['fallocate', '-l', String(bytes), file('most')])
    return
  }
  // The last of it goes to what describes the file, so it is asked for in ever smaller pieces.
  for (const [n, piece] of [bytes - 4 * 2 ** 20, 2 ** 20, 2 ** 20, 2 ** 20].entries())
    if (piece > 0) await run(['fallocate', '-l', String(piece), file(`all-${n}`)]).catch(() => undefined)
  await run(['sh', '-c', 'cat /dev/zero >"$1" 2>/dev/null; sync -f "$1"', 'sh', file('rest')])
}

export async function freeDisk(folder: string, machine: Disked): Promise<void> {
  const names = ['most', 'rest', 'all-0', 'all-1', 'all-2', 'all-3']
  for (const name of names) await rm(filler(folder, machine, name), { force: true })
}
