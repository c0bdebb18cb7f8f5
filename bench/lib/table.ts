/** One promise of speed, measured. */
export interface Row {
  what: string
  /** What was measured, with its unit. */
  ours: string
  /** What it was measured against, in the same run. */
  against: string
  /** The figure that is judged; null when there is none. */
  figure: number | null
  /** Absent when the figure is for information. */
  floor?: { least: number } | { most: number }
  /** What makes the figure believable. */
  note?: string
}

export const holds = ({ figure, floor }: Row): boolean =>
  floor === undefined ||
  (figure !== null && ('least' in floor ? figure >= floor.least : figure <= floor.most))

const COLUMNS = ['', 'what', 'measured', 'against', 'figure', 'floor', 'note'] as const

/** All rows as one table of text. */
export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map(row => [
    row.floor ? (holds(row) ? '✓' : '✗') : ' ',
    row.what,
    row.ours,
    row.against,
    row.figure === null ? '' : show(row.figure),
    row.floor ? ('least' in row.floor ? `≥ ${row.floor.least}` : `≤ ${row.floor.most}`) : '',
    row.note ?? '',
  ])
  const lines = [[...COLUMNS], ...cells]
  const widths = COLUMNS.map((_, column) => Math.max(...lines.map(line => (line[column] ?? '').length)))
  const text = lines.map(line =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return [text[0], '─'.repeat(Math.max(...text.map(line => line.length))), ...text.slice(1)].join('\n')
}

const show = (figure: number): string => (figure >= 20 ? figure.toFixed(0) : figure.toFixed(2))

export const perSecond = (rate: number): string => `${Math.round(rate).toLocaleString('en')}/s`
