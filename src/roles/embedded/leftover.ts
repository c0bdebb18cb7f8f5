import { readFile, rm } from 'node:fs/promises'
import { platform } from 'node:os'
import { join } from 'node:path'
import { StartError } from '../say.ts'
import { signal } from './processes.ts'

/**
 * Stops a server that was left running on this folder by a process that was killed together with the server's keeper.
 * Its process id is in the folder. Mostly it is stopping already.
 */
export async function stopLeftoverPostgres(folder: string): Promise<void> {
  const data = join(folder, 'data')
  const file = join(data, 'postmaster.pid')
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0])
  if (!Number.isInteger(pid) || pid <= 1) return
  for (let waited = 0; await isServerOf(pid, data); waited += 100) {
    if (waited === 2_000) signal(pid, 'SIGINT')
    if (waited === 8_000) signal(pid, 'SIGQUIT')
    if (waited > 20_000) {
      throw new StartError({
        fr: `Un serveur PostgreSQL (processus ${pid}) tourne encore sur ${data} : arrêtez-le, puis recommencez.`,
        en: `A PostgreSQL server (process ${pid}) still runs on ${data}: stop it, then start again.`,
      })
    }
    await new Promise(done => setTimeout(done, 100))
  }
  await rm(file, { force: true })
}

async function isServerOf(pid: number, data: string): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null)
  return command === null ? platform() !== 'linux' && signal(pid, 0) : command.includes(data)
}
