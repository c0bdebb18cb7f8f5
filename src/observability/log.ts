import { pino } from 'pino'
import { metrics } from './instruments.ts'
import { maskedFields } from './masking.ts'
import { currentTraceId } from './traces.ts'

/** Stable `event` names and fields; never a phone, name, PIN, code, token or text of a message in clear. */
export interface Log {
  debug(fields: { event: string } & Record<string, unknown>): void
  info(fields: { event: string } & Record<string, unknown>): void
  warn(fields: { event: string } & Record<string, unknown>): void
  error(fields: { event: string } & Record<string, unknown>): void
}

export type Level = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** A log whose level can be changed while it is written. */
export interface OpenLog extends Log {
  level: string
}

export interface LogOptions {
  level: Level
  instance: string
  /** Where lines go: a file's path, or standard output. */
  file?: string
  /** Told once when lines cannot be written, a full disk for example: they are dropped then, the program goes on. */
  onTrouble?: (error: Error) => void
}

/** Bytes of lines that may wait for a slow or full disk. */
const MAX_WAITING = 8 * 1024 * 1024

/** One JSON line per event. */
export function openLog({ level, instance, file, onTrouble = complain }: LogOptions): OpenLog {
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
      formatters: { level: label => ({ level: label }), log: fieldsOf },
      hooks: {
        logMethod(args, method, number) {
          metrics.logLines.inc({ level: pino.levels.labels[number] ?? 'none' })
          method.apply(this, args)
        },
      },
    },
    destination,
  )
}

/** A line of work whose trace is kept names it. */
function fieldsOf(fields: Record<string, unknown>): Record<string, unknown> {
  const traceId = currentTraceId()
  return traceId === undefined ? maskedFields(fields) : { ...maskedFields(fields), traceId }
}

const complain = (error: Error): void => {
  process.stderr.write(`The log cannot be written: ${error.message}\n`)
}
