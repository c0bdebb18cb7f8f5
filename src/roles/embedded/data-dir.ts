import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { FOLDERS } from '../../storage/index.ts'
import { StartError } from '../say.ts'
import { explainStart } from './faults.ts'
import { stopLeftoverPostgres } from './leftover.ts'
import { markOf, type ProcessMark, runs } from './processes.ts'

/** What a running embedded SamaConso tells the other commands: `DATA_DIR/run.json`. */
export interface RunFile {
  pid: number
  databaseUrl: string
  ports: Record<string, number>
  /** Of the simulated proxy in front of FCM, to try the way through one. */
  proxyUrl: string
  /** Settings of its processes, but for what `loadSecrets` keeps: commands reach what they reach. */
  settings: Record<string, string>
  startedAt: string
}

const MARK = '.samaconso'
/** Where STORAGE_FOLDER is by default. */
export const FILES = 'files'
const LOCK = 'lock.json'
const LOG_LIMIT = 50 * 1024 * 1024

/** `DATA_DIR`, absolute. */
export const dataDirOf = (env: Record<string, string | undefined>): string => resolve(env.DATA_DIR || '.data')

/**
 * Makes the folder ours until `release` is called or this process is gone. Refuses one that holds something else, or
 * that another process has.
 */
export async function claimDataDir(dir: string): Promise<{ release(): Promise<void> }> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const entries = await readdir(dir)
    if (entries.length > 0 && !entries.includes(MARK) && !(await holdsFilesAlone(dir, entries))) {
      throw new StartError({
        fr: `Le dossier ${dir} contient autre chose : donnez un dossier vide dans DATA_DIR.`,
        en: `The folder ${dir} holds something else: give an empty one in DATA_DIR.`,
      })
    }
    await writeFile(join(dir, MARK), '')
    await takeLock(dir)
  } catch (error) {
    throw explainStart(error, dir)
  }
  return { release: () => rm(join(dir, LOCK), { force: true }) }
}

/** Whether nothing is there but the files of a role that ran by itself, without an object storage: they are ours. */
const holdsFilesAlone = async (dir: string, entries: readonly string[]): Promise<boolean> =>
  entries.length === 1 &&
  entries[0] === FILES &&
  (await readdir(join(dir, FILES))).every(name => FOLDERS.includes(name))

/** Removes everything from a folder that was claimed. */
export async function emptyDataDir(dir: string): Promise<void> {
  await stopLeftoverPostgres(join(dir, 'postgres'))
  for (const entry of await readdir(dir)) {
    // What says that the folder is ours stays: a crash in between must not make it somebody else's.
    if (entry !== MARK && entry !== LOCK) await rm(join(dir, entry), { recursive: true, force: true })
  }
}

async function takeLock(dir: string): Promise<void> {
  const file = join(dir, LOCK)
  const own = JSON.stringify(await markOf(process.pid))
  for (let tries = 0; tries < 5; tries++) {
    try {
      await writeFile(file, own, { flag: 'wx', mode: 0o600 })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = await holderOf(dir)
    if (holder) throw inUse(holder.pid)
    // Left by a process that was killed. Of several that find it so at once, one has it in the end.
    await rm(file, { force: true })
    await new Promise(done => setTimeout(done, 20 + Math.random() * 80))
  }
  throw inUse((await holderOf(dir))?.pid ?? 0)
}

const inUse = (pid: number) =>
  new StartError({
    fr: `SamaConso tourne déjà sur ces données (processus ${pid}) : arrêtez-le, ou donnez un autre DATA_DIR.`,
    en: `SamaConso already runs on this data (process ${pid}): stop it, or give another DATA_DIR.`,
  })

/** The process that has this folder, or null. */
async function holderOf(dir: string): Promise<ProcessMark | null> {
  const mark = await readJson<ProcessMark>(join(dir, LOCK))
  return mark && Number.isInteger(mark.pid) && mark.pid !== process.pid && (await runs(mark)) ? mark : null
}

/** The run file of a SamaConso that is alive on this folder, or null. */
export async function readRunFile(dir: string): Promise<RunFile | null> {
  const [run, holder] = await Promise.all([readJson<RunFile>(join(dir, 'run.json')), holderOf(dir)])
  return run && run.pid === holder?.pid ? run : null
}

/** Null when it is not there, or torn by a crash. */
async function readJson<T>(file: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T
  } catch {
    return null
  }
}

export const writeRunFile = (dir: string, run: RunFile): Promise<void> =>
  writeAtomically(join(dir, 'run.json'), JSON.stringify(run, null, 2))

export const removeRunFile = (dir: string): Promise<void> => rm(join(dir, 'run.json'), { force: true })

/** Written aside and renamed: a crash leaves the old file or the new one. For its owner's eyes alone. */
export async function writeAtomically(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 })
  await rename(`${file}.new`, file)
}

/** The file of the log; the one before is kept once it is large. */
export async function logFileOf(dir: string): Promise<string> {
  const file = join(dir, 'logs', 'samaconso.log')
  await setAsideWhenLarge(file)
  return file
}

/** Keeps one older file, so that logs of many starts stay bounded. */
export async function setAsideWhenLarge(file: string): Promise<void> {
  const size = (await stat(file).catch(() => null))?.size ?? 0
  if (size > LOG_LIMIT) await rename(file, `${file}.1`)
}
