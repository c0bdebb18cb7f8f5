import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writePrivate } from './authority.ts'

/** What the simulated world remembers of itself from one start to the next: `world.json` in its folder, mode 0600. */
export interface Kept {
  /** The first start: computed history ends there. ISO 8601. */
  epoch: string
  /** Of the two databases. */
  sqlPassword: string
  proxyPassword: string
  /** Where each server listened last. */
  ports: Record<string, number>
}

/** Reads what was kept in `dir`, or begins. Throws when the file is not what was written. */
export function loadKept(dir: string, now: () => number): Kept {
  const file = join(dir, 'world.json')
  if (existsSync(file)) {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Kept
    if (Number.isNaN(Date.parse(kept.epoch))) throw new Error(`${file} is damaged: remove it`)
    // A world that began before there was a proxy has no password for it.
    kept.proxyPassword ??= newPassword()
    return kept
  }
  const kept = {
    epoch: new Date(now()).toISOString(),
    sqlPassword: newPassword(),
    proxyPassword: newPassword(),
    ports: {},
  }
  saveKept(dir, kept)
  return kept
}

const newPassword = (): string => randomBytes(18).toString('base64url')

export const saveKept = (dir: string, kept: Kept): void =>
  writePrivate(join(dir, 'world.json'), `${JSON.stringify(kept, null, 2)}\n`)

/** Starts a server where it listened last, or anywhere when somebody else is there now; remembers where. */
export async function startAtKeptPort<Server extends { port: number }>(
  kept: Kept,
  name: string,
  start: (port: number) => Promise<Server>,
): Promise<Server> {
  const server = await start(kept.ports[name] ?? 0).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE' || error.code === 'EACCES') return start(0)
    throw error
  })
  kept.ports[name] = server.port
  return server
}
