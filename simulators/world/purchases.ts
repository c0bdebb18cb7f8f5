import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { TopUpRow } from './types.ts'

/** Purchases that were made, not computed: in memory, and in a file when there is one. */
export interface Purchases {
  /** Keeps a row; it is in the file when this returns. Throws when there is no room left. */
  add(row: TopUpRow): void
  /** Those of a meter, from included, to excluded, oldest first. */
  of(meter: string, from: number, to: number): TopUpRow[]
  /** Those after a time, of every meter, oldest first. */
  after(time: number, limit: number): TopUpRow[]
  /** The first millisecond from `time` on in which nothing was bought: a watermark then never splits two purchases. */
  freeTime(time: number): number
  /** The number of the next one. */
  nextSequence(): number
  close(): void
}

const Xof = Type.Integer()

const Line = Type.Object({
  orderNumber: Type.String(),
  meterNumber: Type.String(),
  poc: Type.String(),
  agencyName: Type.String(),
  tariffUsage: Type.String(),
  at: Type.String(),
  netXof: Xof,
  vatXof: Xof,
  tcoXof: Xof,
  totalXof: Xof,
  receivedXof: Type.Union([Xof, Type.Null()]),
  roundingXof: Xof,
  energyKwh: Type.Number(),
  remainingDebtXof: Xof,
  debtXof: Xof,
  operator: Type.String(),
  token: Type.String(),
  steps: Type.Array(
    Type.Object({ energyKwh: Type.Number(), priceXof: Type.Number(), amountXof: Type.Number() }),
  ),
})

const lines = Compile(Line)

function rowOf(line: Static<typeof Line>): TopUpRow {
  return { ...line, at: new Date(line.at) }
}

/** The row of a line, or null when it is not one. */
function parse(line: string): TopUpRow | null {
  try {
    const value: unknown = JSON.parse(line)
    return lines.Check(value) ? rowOf(value) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** The rows of a file's text, and how many bytes hold them: a last line cut short by a crash is left out. */
function parseAll(text: string, file: string): { rows: TopUpRow[]; bytes: number } {
  const all = text.split('\n')
  // What follows the last line feed was never written to its end.
  all.pop()
  const rows: TopUpRow[] = []
  let bytes = 0
  for (const [index, line] of all.entries()) {
    const row = parse(line)
    if (row) {
      rows.push(row)
      bytes += Buffer.byteLength(line) + 1
    } else if (index < all.length - 1) {
      throw new Error(`Line ${index + 1} of ${file} is damaged: remove that line, or start with --reset`)
    }
  }
  return { rows, bytes }
}

/** Where a time is, or belongs, in rows sorted by time. */
function placeOf(rows: TopUpRow[], time: number): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((rows[middle]?.at.getTime() ?? 0) < time) low = middle + 1
    else high = middle
  }
  return low
}

const insert = (rows: TopUpRow[], row: TopUpRow): void => {
  rows.splice(placeOf(rows, row.at.getTime()), 0, row)
}

interface Journal {
  append(line: string): void
  close(): void
}

function openJournal(fd: number, size: number): Journal {
  let bytes = size
  return {
    append(line) {
      const data = Buffer.from(`${line}\n`)
      try {
        for (let done = 0; done < data.length; ) done += writeSync(fd, data, done)
        bytes += data.length
      } catch (error) {
        // Half a line must not be in front of the next one.
        ftruncateSync(fd, bytes)
        throw error
      }
    },
    close: () => closeSync(fd),
  }
}

/**
 * Opens the purchases of a file of JSON lines, or of memory alone. At most `most` are held. A torn last line is dropped; any
 * other damage is an error that says which line.
 */
export function openPurchases({ file, most }: { file?: string; most: number }): Purchases {
  const sorted: TopUpRow[] = []
  const byMeter = new Map<string, TopUpRow[]>()
  let journal: Journal | null = null
  let sequence = 1

  function keep(row: TopUpRow): void {
    insert(sorted, row)
    const own = byMeter.get(row.meterNumber)
    if (own) insert(own, row)
    else byMeter.set(row.meterNumber, [row])
    sequence = Math.max(sequence, Number(row.orderNumber.slice(1)) + 1)
  }

  if (file) {
    mkdirSync(dirname(file), { recursive: true })
    const { rows, bytes } = parseAll(existsSync(file) ? readFileSync(file, 'utf8') : '', file)
    for (const row of rows) keep(row)
    const fd = openSync(file, 'a', 0o600)
    ftruncateSync(fd, bytes)
    journal = openJournal(fd, bytes)
  }

  return {
    add(row) {
      if (sorted.length >= most) throw new Error(`Le monde simulé est plein : ${most} achats au plus.`)
      journal?.append(JSON.stringify(row))
      keep(row)
    },
    of(meter, from, to) {
      const own = byMeter.get(meter) ?? []
      return own.slice(placeOf(own, from), placeOf(own, to))
    },
    after(time, limit) {
      const start = placeOf(sorted, time + 1)
      return sorted.slice(start, start + limit)
    },
    freeTime(time) {
      let free = time
      for (let i = placeOf(sorted, time); sorted[i]?.at.getTime() === free; i++) free++
      return free
    },
    nextSequence: () => sequence,
    close() {
      journal?.close()
      journal = null
    },
  }
}
