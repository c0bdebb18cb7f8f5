import { fileURLToPath } from 'node:url'
import { FACTOR } from '../../lib/shortened.ts'

export interface Fired {
  alert: string
  what: string
  /** As the mail has them. */
  severity: string
  summary: string
  /** Seconds from its cause to its mail, and from there to the mail of its end; null: it did not come. */
  after: number | null
  over: number | null
  toldAt: number
}

export const ALERTS_PAGE = fileURLToPath(new URL('../../../docs/alert-drill.md', import.meta.url))

/** docs/alert-drill.md: what was done, and the mails that came of it. */
export function pageOfAlerts(
  fired: readonly Fired[],
  { isClockKept, notes }: { isClockKept: boolean; notes: readonly string[] },
): string {
  const rows = fired.map(
    ({ alert, what, severity, after, over }) =>
      `| ${[`[${alert}](runbooks/${alert}.md)`, what, severity, after ?? '✗', over ?? '✗'].join(' | ')} |`,
  )
  const clock = isClockKept
    ? 'ClockOff: the clock of a machine is not the laboratory’s to move; `promtool test rules` has it fire.'
    : 'ClockOff: fired and was told, because nothing keeps the clock of the machine on which this ran; it cannot end there.'
  return `# Every alert, fired for real

Written by \`npm run lab -- drills alerts\` ([the laboratory](lab.md)), with customers at work. The faults are real: processes stopped,
disks filled, tables locked, certificates that end. Times are shortened by one factor, ${FACTOR} (an hour is a minute): how long something must
hold, the windows that rules look at, how often is asked and mailed (\`lab/lib/shortened.ts\`). What values are compared with is as in
production. After 0 s was told what a case before had made fire already. Each mail came from Alertmanager, by the template in French, at the mail relay of the laboratory.

| alert | caused by | mail says | told after s | over after s |
|---|---|---|---|---|
${rows.join('\n')}

The two that wait for real time are \`npm run lab -- drills alerts-long\`: WalArchiveOld (backups' volume away for more than fifteen minutes)
and LongTransaction (ten minutes).

- ${[clock, ...notes.map(note => `${note}.`)].join('\n- ')}
`
}
