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
}

/** One JSON line per event. */
export function openLog({ level, instance, file }: LogOptions): Log {
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
    pino.destination({ dest: file ?? 1, sync: false, mkdir: true }),
  )
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
  const code = (error as { code?: unknown }).code
  return { name, message, code, stack, ...(cause ? { cause: describeError(cause) } : {}) }
}
