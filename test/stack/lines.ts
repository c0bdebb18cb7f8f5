/** How the output of many processes is shown in one terminal. */
export interface LineOptions {
  color: boolean
  /** Leaves lines as they are. */
  raw?: boolean
}

/** Of the longest name there is, samaconso_scheduler_1. */
const WIDTH = 21
const COLORS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94]
/** Told in front already, or the same in every line. */
const LEFT_OUT = new Set(['level', 'time', 'event', 'instance', 'pid', 'hostname'])
const LONGEST = 160

/** What is written for a line of a process: its name in a colour of its own, and the line in short. */
export function lineFormat({ color, raw }: LineOptions): (name: string, line: string) => string {
  const colors = new Map<string, number>()
  const colorOf = (name: string): number => {
    const known = colors.get(name) ?? (COLORS[colors.size % COLORS.length] as number)
    colors.set(name, known)
    return known
  }
  const paint = (code: number, text: string) => (color ? `\x1b[${code}m${text}\x1b[0m` : text)
  return (name, line) => {
    const prefix = paint(colorOf(name), `${name.padEnd(WIDTH)} │`)
    if (raw) return `${prefix} ${line}`
    const { text, level } = shorten(line)
    const shown = level === 'error' ? paint(31, text) : level === 'warn' ? paint(33, text) : text
    return `${prefix} ${shown}`
  }
}

/** A line of the JSON log as a person reads it: time, level when it matters, event, fields. Others stay as they are. */
export function shorten(line: string): { text: string; level: string } {
  const entry = parse(line)
  if (!entry) return { text: line, level: '' }
  const level = String(entry.level)
  const time = typeof entry.time === 'string' ? entry.time.slice(11, 19) : ''
  const fields = Object.entries(entry)
    .filter(([key, value]) => !LEFT_OUT.has(key) && value !== undefined)
    .map(([key, value]) => `${key}=${brief(value)}`)
  const mark = level === 'error' || level === 'warn' ? [level.toUpperCase()] : []
  return { text: [time, ...mark, entry.event, ...fields].filter(Boolean).join(' '), level }
}

function parse(line: string): Record<string, unknown> | null {
  if (!line.startsWith('{')) return null
  try {
    const value = JSON.parse(line)
    return typeof value.event === 'string' ? value : null
  } catch {
    return null
  }
}

/** An error by its message: its stack is in the raw lines. */
function brief(value: unknown): string {
  const { message } = (value ?? {}) as { message?: unknown }
  const text =
    typeof value === 'string' ? value : typeof message === 'string' ? message : JSON.stringify(value)
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
}
