import type { Drill } from './drill.ts'
import type { Done, Size } from './run.ts'

const COLUMNS = [
  'drill',
  'requests',
  'failed',
  'sent away',
  'p99 ms',
  'worst ms',
  'gap ms',
  'sockets lost',
  'back ms',
  'accepted',
  'lost',
  'took s',
]

/**
 * docs/drills.md: what is tried, and the figures of each drill's last run. Of `before`, as the page was, those stay that
 * did not run this time.
 */
export function pageOf(
  done: readonly Done[],
  { all, size, before }: { all: readonly Drill[]; size: Size; before: string },
): string {
  const lines = before.split('\n')
  const kept = (starts: readonly string[]) => lines.find(line => starts.some(start => line.startsWith(start)))
  // What people wrote below stays.
  const rest = lines.slice(lines.findLastIndex(line => line.startsWith('- **')) + 1).join('\n')
  const written = all.flatMap(({ name }) => {
    const one = done.find(({ drill }) => drill.name === name)
    const row = one ? rowOf(one) : kept([`| ✓ ${name} |`, `| ✗ ${name} |`])
    const words = one ? wordsOf(one) : kept([`- **${name}**: `])
    return row && words ? [{ row, words }] : []
  })
  return `# Drills

Written by \`npm run lab -- drills\` ([the laboratory](lab.md)): ${size.sockets} WebSockets open over two processes of the balancer, and
${size.perSecond} requests a second, where a drill says nothing else, a tenth of them notifications: at the start they take half of the machine, which has two
processors for everything, customers' TLS too. \`npm run lab -- drills NAME…\` writes the lines of these anew.

*failed*: no answer, or an answer of trouble that names no time to come back. A read is sent once more when its kept connection was
closed instead of an answer, as telephones' libraries do, and no other; a notification is sent again under its key until it is accepted
and then counts once. *sent away*: 409, 429, 502, 503 or 504 with \`Retry-After\`. *gap*: the longest time in which nobody was answered
well. *lost*: accepted notifications without their row, their outcome or their push.

| ${COLUMNS.join(' | ')} |
|${COLUMNS.map(() => '---').join('|')}|
${written.map(({ row }) => row).join('\n')}

${written.map(({ words }) => words).join('\n')}
${rest.trimEnd()}
`
}

function rowOf({ drill, outcome, seconds }: Done): string {
  const mark = outcome && outcome.wrong.length === 0 ? '✓' : '✗'
  const seen = outcome?.seen
  const figures = seen
    ? [
        seen.requests,
        seen.failedCount,
        seen.shed,
        seen.p99,
        seen.worst,
        seen.gap,
        seen.sockets.lost,
        seen.sockets.worstAway,
        seen.accepted.length,
        outcome.lost,
      ]
    : Array.from({ length: 10 }, () => '')
  return `| ${[`${mark} ${drill.name}`, ...figures, seconds.toFixed(0)].join(' | ')} |`
}

function wordsOf({ drill, outcome }: Done): string {
  const said = [...(outcome?.notes ?? []), ...(outcome ? outcome.wrong.slice(0, 3) : ['did not end'])]
  return `- **${drill.name}**: ${drill.what}.${said.length > 0 ? ` ${said.join('; ')}.` : ''}`
}
