import type { Row } from './judge.ts'

const COLUMNS = [
  'case',
  'devices',
  'accepted',
  'distinct',
  'repeated (bound)',
  'lost',
  'urgent',
  'p50 / p99 / max ms',
  'recovery s',
  'took s',
] as const

/** All rows as a table that Markdown reads too. */
export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map(({ urgent, ...row }) => [
    `${row.wrong.length > 0 ? '✗' : '✓'} ${row.name}`,
    String(row.devices),
    String(row.accepted),
    String(row.distinct),
    `${row.repeated} (${row.bound})`,
    String(row.lost),
    String(urgent.n),
    `${urgent.p50} / ${urgent.p99} / ${urgent.max}`,
    row.recovery.toFixed(1),
    row.seconds.toFixed(0),
  ])
  const widths = COLUMNS.map((name, i) => Math.max(name.length, ...cells.map(row => (row[i] ?? '').length)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  return [line(COLUMNS), line(widths.map(width => '-'.repeat(width))), ...cells.map(line)].join('\n')
}
