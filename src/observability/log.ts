import { pino } from 'pino'

/** Stable `event` names and fields; never a phone, name, PIN, code, token or text of a message in clear. */
export interface Log {
  debug(fields: { event: string } & Record<string, unknown>): void
  info(fields: { event: string } & Record<string, unknown>): void
  warn(fields: { event: string } & Record<string, unknown>): void
  error(fields: { event: string } & Record<string, unknown>): void
}

export interface LogOptions {
  level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  instance: string
  /** Where lines go: a file's path, or standard output. */
  file?: string
  /** Told once when lines cannot be written, a full disk for example: they are dropped then, the program goes on. */
  onTrouble?: (error: Error) => void
}

/** Bytes of lines that may wait for a slow or full disk. */
const MAX_WAITING = 8 * 1024 * 1024

/** One JSON line per event. */
export function openLog({ level, instance, file, onTrouble = complain }: LogOptions): Log {
  const destination = pino.destination({ dest: file ?? 1, sync: false, mkdir: true, maxLength: MAX_WAITING })
  let isTold = false
  destination.on('error', (error: Error) => {
    if (!isTold) onTrouble(error)
    isTold = true
  })
  return pino(
    {
      level,
      base: { instance },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { error: describeError },
      // A net below the rule that these are never given to a log at all.
      redact: { paths: REDACTED, censor: '[masked]' },
    },
    destination,
  )
}

const complain = (error: Error): void => {
  process.stderr.write(`The log cannot be written: ${error.message}\n`)
}

const REDACTED = [
  'phone',
  'pin',
  'code',
  'password',
  'token',
  'accessToken',
  'refreshToken',
  'deviceSecret',
  'pushToken',
].flatMap(name => [name, `*.${name}`])

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { name, message, stack, cause } = error
  // Not under the name `code`, which may be somebody's SMS code and is masked.
  const errorCode = (error as { code?: unknown }).code
  return { name, message, errorCode, stack, ...(cause ? { cause: describeError(cause) } : {}) }
}
