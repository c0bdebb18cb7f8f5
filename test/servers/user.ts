import { chown } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { unprivileged } from '../../src/roles/embedded/install.ts'
import { output } from './output.ts'

/** Who a database server runs as: some refuse to run as root. */
export interface ServerUser {
  /** What goes before a command. */
  prefix: readonly string[]
  /** Gives a file or folder of ours to that user. */
  give(path: string): Promise<void>
}

/**
 * Oneself; for root the user `postgres` where it exists and reaches the folder, which is given to it. Otherwise (a
 * checkout below /root) a user namespace in which the files may stay root's.
 */
export async function serverUser(folder: string): Promise<ServerUser> {
  const stay = { give: async () => undefined }
  if (userInfo().uid !== 0) return { prefix: [], ...stay }
  const ids = await Promise.all(['-u', '-g'].map(flag => output('id', [flag, 'postgres']))).catch(() => null)
  const [uid, gid] = (ids ?? []).map(Number)
  if (uid !== undefined && gid !== undefined) {
    const prefix = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups']
    await chown(folder, uid, gid)
    const reaches = await output('setpriv', [...prefix.slice(1), 'test', '-w', folder]).then(
      () => true,
      () => false,
    )
    if (reaches) return { prefix, give: path => chown(path, uid, gid) }
    await chown(folder, 0, 0)
  }
  return { prefix: await unprivileged(folder), ...stay }
}
