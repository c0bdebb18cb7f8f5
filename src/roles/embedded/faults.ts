import { MigrationChanged } from '../../db/index.ts'
import { StartError, type Words } from '../say.ts'

/** What can be wrong with a start and be mended by a person: each one sentence with its remedy. */

const DISK_FULL: Words = {
  fr: 'Le disque est plein : libérez de la place (1 Go suffit), puis recommencez.',
  en: 'The disk is full: free some space (1 GB is plenty), then start again.',
}

export const DAMAGED: Words = {
  fr: 'Les données sont abîmées ou d’une autre version : « npm start -- --reset » recommence à zéro (les données de démonstration sont perdues).',
  en: 'The data directory is damaged or of another version: `npm start -- --reset` begins anew (the demo data is lost).',
}

const notWritable = (dir: string): Words => ({
  fr: `Le dossier ${dir} ne peut pas être écrit par cet utilisateur : donnez-en un autre dans DATA_DIR.`,
  en: `The folder ${dir} may not be written by this user: give another one in DATA_DIR.`,
})

const portTaken = (port: number): Words => ({
  fr: `Le port ${port} vient d’être pris par un autre programme : recommencez, ou choisissez-en un autre.`,
  en: `Port ${port} has just been taken by another program: start again, or choose another.`,
})

const NO_SPACE = /ENOSPC|No space left|disk is full|EDQUOT|Disk quota exceeded|could not extend file/i
const NOT_WRITABLE =
  /\b(EACCES|EROFS|EPERM|ENOTDIR|EEXIST|ELOOP|ENAMETOOLONG)\b|Permission denied|Read-only file system|has wrong ownership/i
const BROKEN = new RegExp(
  [
    'incompatible',
    'not initialized by',
    'not a valid data directory',
    'does not contain valid data',
    'checkpoint record',
    'incorrect checksum',
    'invalid (data|page|primary|magic|record)',
    'PANIC',
    'could not (open|read|find|access|locate) .*(file|directory|pg_)',
    'password authentication failed',
    'Unexpected (token|end of JSON)',
  ].join('|'),
  'i',
)

/** The words for what a program of the database says in English, or null when no person can mend it. */
export function remedyOf(output: string, dir: string): Words | null {
  if (NO_SPACE.test(output)) return DISK_FULL
  // LOG lines tell of recoveries that went well, in words that sound like damage.
  const faults = output.replace(/^.* LOG: .*$/gm, '')
  if (NOT_WRITABLE.test(faults)) return notWritable(dir)
  return BROKEN.test(faults) ? DAMAGED : null
}

/**
 * A failed start in one sentence, when a person can mend it; the error itself otherwise. `serverLog` is what the
 * database wrote meanwhile: it knows why it went away.
 */
export function explainStart(error: unknown, dir: string, serverLog = ''): unknown {
  if (error instanceof StartError) return error
  if (error instanceof MigrationChanged) return new StartError(DAMAGED)
  const causes = causesOf(error)
  const taken = causes.find(({ code }) => code === 'EADDRINUSE')
  if (taken) return new StartError(portTaken(Number((taken as { port?: number }).port)))
  const said = causes.map(({ code, message }) => `${code ?? ''} ${message}`).join('\n')
  // SQLSTATE 53100 is disk_full.
  const words = causes.some(({ code }) => code === '53100') ? DISK_FULL : remedyOfFile(said, dir)
  if (words) return new StartError(words)
  const served = remedyOf(serverLog, dir)
  return served ? new StartError(served) : error
}

const remedyOfFile = (said: string, dir: string): Words | null =>
  NO_SPACE.test(said) ? DISK_FULL : NOT_WRITABLE.test(said) ? notWritable(dir) : null

function causesOf(error: unknown): NodeJS.ErrnoException[] {
  const causes: NodeJS.ErrnoException[] = []
  for (let next = error; next instanceof Error && causes.length < 10; next = next.cause) causes.push(next)
  return causes
}
