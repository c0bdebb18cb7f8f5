import { generateKeyPairSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { randomSecret } from '../../lib/secrets.ts'
import { StartError } from '../say.ts'

/** What a running embedded SamaConso tells the other commands: `DATA_DIR/run.json`. */
export interface RunFile {
  pid: number
  databaseUrl: string
  ports: Record<string, number>
  startedAt: string
}

const MARK = '.samaconso'
const LOG_LIMIT = 50 * 1024 * 1024

/** `DATA_DIR`, absolute. */
export const dataDirOf = (env: Record<string, string | undefined>): string => resolve(env.DATA_DIR || '.data')

/** Makes the folder ours, empties it first when asked; refuses one that holds something else or is in use. */
export async function claimDataDir(dir: string, reset: boolean): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const entries = await readdir(dir)
    if (entries.length > 0 && !entries.includes(MARK)) {
      throw new StartError({
        fr: `Le dossier ${dir} contient autre chose : donnez un dossier vide dans DATA_DIR.`,
        en: `The folder ${dir} holds something else: give an empty one in DATA_DIR.`,
      })
    }
    const running = await readRunFile(dir)
    if (running) {
      throw new StartError({
        fr: `SamaConso tourne déjà sur ces données (processus ${running.pid}) : arrêtez-le, ou donnez un autre DATA_DIR.`,
        en: `SamaConso already runs on this data (process ${running.pid}): stop it, or give another DATA_DIR.`,
      })
    }
    if (reset) for (const entry of entries) await rm(join(dir, entry), { recursive: true, force: true })
    await writeFile(join(dir, MARK), '')
  } catch (error) {
    throw explainFileError(error, dir)
  }
}

/** A fault of the file system in one sentence; anything else as it is. */
export function explainFileError(error: unknown, dir: string): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC') {
    return new StartError({
      fr: 'Le disque est plein : libérez de la place (1 Go suffit), puis recommencez.',
      en: 'The disk is full: free some space (1 GB is plenty), then start again.',
    })
  }
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM' || code === 'ENOTDIR') {
    return new StartError({
      fr: `Le dossier ${dir} ne peut pas être écrit : donnez-en un autre dans DATA_DIR.`,
      en: `The folder ${dir} cannot be written: give another one in DATA_DIR.`,
    })
  }
  return error
}

/** The run file of a SamaConso that is alive on this folder, or null. */
export async function readRunFile(dir: string): Promise<RunFile | null> {
  const text = await readFile(join(dir, 'run.json'), 'utf8').catch(() => null)
  if (text === null) return null
  try {
    const run = JSON.parse(text) as RunFile
    return (await isSamaconso(run.pid)) ? run : null
  } catch {
    // Torn by a crash: nobody runs.
    return null
  }
}

async function isSamaconso(pid: number): Promise<boolean> {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null)
  // Another program may have taken the number since; where /proc is missing the number has to do.
  return command === null ? !existsSync('/proc/self') : command.includes('main.ts')
}

export const writeRunFile = (dir: string, run: RunFile): Promise<void> =>
  writeFile(join(dir, 'run.json'), JSON.stringify(run, null, 2), { mode: 0o600 })

export const removeRunFile = (dir: string): Promise<void> => rm(join(dir, 'run.json'), { force: true })

/** Secrets of this demo, made at its first start. */
export async function loadSecrets(dir: string): Promise<Record<string, string>> {
  const file = join(dir, 'secrets.json')
  if (existsSync(file)) {
    try {
      return JSON.parse(await readFile(file, 'utf8'))
    } catch (cause) {
      throw new StartError({
        fr: 'Les données sont abîmées : « npm start -- --reset » recommence à zéro (les données de démonstration sont perdues).',
        en: `The data directory is damaged (${(cause as Error).name}): \`npm start -- --reset\` begins anew (the demo data is lost).`,
      })
    }
  }
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
  const secrets = { TOKEN_KEY: key.toString(), PEPPER: randomSecret(), SEAL_KEY: randomSecret() }
  // Written aside and renamed: a crash leaves the old file or the new one.
  await writeFile(`${file}.new`, JSON.stringify(secrets), { mode: 0o600 })
  await rename(`${file}.new`, file)
  return secrets
}

/** The file of the log; the one before is kept once it is large. */
export async function logFileOf(dir: string): Promise<string> {
  const file = join(dir, 'logs', 'samaconso.log')
  const size = (await stat(file).catch(() => null))?.size ?? 0
  if (size > LOG_LIMIT) await rename(file, `${file}.1`)
  return file
}
