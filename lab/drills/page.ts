import type { Done } from './run.ts'

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

/** docs/drills.md: what is tried, and the figures of the last run of all. */
export function pageOf(done: readonly Done[], size: { sockets: number; perSecond: number }): string {
  const rows = done.map(({ drill, outcome, seconds }) => {
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
  })
  const words = done.map(({ drill, outcome }) => {
    const said = [...(outcome?.notes ?? []), ...(outcome ? outcome.wrong.slice(0, 3) : ['did not end'])]
    return `- **${drill.name}**: ${drill.what}.${said.length > 0 ? ` ${said.join('; ')}.` : ''}`
  })
  return `# Drills

Written by \`npm run lab -- drills\` ([the laboratory](lab.md)): ${size.sockets} WebSockets open through the balancer and ${size.perSecond} requests a
second, a tenth of them notifications, all on one machine of two processors.

*failed*: no answer, or an answer of trouble that names no time to come back; no read is repeated by these customers, a notification is
sent again under its key until it is accepted and then counts once. *sent away*: 429, 502, 503 or 504 with \`Retry-After\`. *gap*: the longest time in
which nobody was answered well. *lost*: accepted notifications without their row, their outcome or their push.

| ${COLUMNS.join(' | ')} |
|${COLUMNS.map(() => '---').join('|')}|
${rows.join('\n')}

${words.join('\n')}
`
}
