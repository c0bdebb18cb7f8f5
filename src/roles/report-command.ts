import { PERIODS, type Period, report, type Target } from '../operations/report.ts'
import { type Env, optionsOf, print, withServices } from './operator.ts'
import { StartError, say } from './say.ts'

const USAGE = {
  fr: 'samaconso report [--day | --week | --month] [--json]',
  en: 'samaconso report [--day | --week | --month] [--json]',
}

/** `samaconso report`: the targets of production, measured against wanted. Exit code 1 when one is missed. */
export async function runReport(args: string[], env: Env): Promise<void> {
  const flag = { type: 'boolean' } as const
  const given = optionsOf(args, { day: flag, week: flag, month: flag, json: flag }, USAGE)
  const chosen = (Object.keys(PERIODS) as Period[]).filter(period => given[period])
  if (chosen.length > 1) throw new StartError(USAGE)
  const period = chosen[0] ?? 'day'
  const targets = await withServices(env, ({ db }, { prometheusUrl, backupStatusFile }) =>
    report({ db, prometheusUrl, backupStatusFile }, period),
  )
  print(given.json ? JSON.stringify({ period, targets }, null, 2) : asTable(targets))
  if (targets.some(({ met }) => met === false)) process.exitCode = 1
}

function asTable(targets: readonly Target[]): string {
  const mark = (met: boolean | null) => (met === null ? '–' : met ? '✓' : '✗')
  const head = [
    say({ fr: '  Objectif', en: '  Target' }),
    say({ fr: 'mesuré', en: 'measured' }),
    say({ fr: 'voulu', en: 'wanted' }),
    say({ fr: 'but', en: 'goal' }),
    say({ fr: 'source', en: 'source' }),
  ]
  const rows = targets.map(({ name, measured, floor, goal, met, source }) => [
    `${mark(met)} ${say(name)}`,
    measured ?? say({ fr: 'non mesuré', en: 'not measured' }),
    floor,
    goal,
    say(source),
  ])
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map(row => row[i]?.length ?? 0)))
  return [head, ...rows]
    .map(row =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
