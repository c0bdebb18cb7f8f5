import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { alerts, expressions, FOLDER, metricsOf, recorded } from '../../test/observability/files.ts'
import { prometheusTool } from '../../test/servers/packages.ts'
import { mailboxFile } from '../lib/mailbox.ts'
import { mailsIn, toldIn } from '../lib/mails.ts'
import { countersKnown, queryRange, type Series } from '../lib/prometheus.ts'
import { run } from '../lib/run.ts'
import { shortenTimes } from '../lib/shortened.ts'
import { OF_ITSELF } from './alerts/index.ts'
import type { Drill } from './drill.ts'

const SETTLE_MS = 40_000
/** What is recorded, as Prometheus asks in production; it is then repeated until a day is over. */
const RECORDED_MS = 120_000
const STEP_SECONDS = 15
const DAY = 86_400
const PROMTOOL_MS = 540_000
/** Of histograms, what rules ask for. */
const BOUNDS = new Set(['0.5', '10'])

/** Two minutes of customers at work, repeated for a day and judged by the rules as they are: no alert fires but the one that always does. */
export const quietDay: Drill = {
  name: 'quiet-day',
  what: 'two minutes of healthy traffic, replayed for 24 h into the rules: no alert',
  isApart: true,
  atMostSeconds: 1_200,
  async run({ lab }) {
    await lab.on('server1', ['samaconso-task', 'backup-dump', 'samaconso-backup', 'dump'])
    // Only to see what is recorded sooner: what is judged below are the rules as they are.
    await shortenTimes(lab)
    await pause(SETTLE_MS)
    const start = Math.floor(Date.now() / 1_000)
    await pause(RECORDED_MS)
    const mails = (await mailsIn(mailboxFile(lab.folder))).filter(({ at }) => at > start * 1_000)
    const told = mails.flatMap(toldIn).filter(({ alert }) => !OF_ITSELF.includes(alert))
    const end = start + RECORDED_MS / 1_000 - STEP_SECONDS
    const own = new Set([...(await recorded()), 'ALERTS'])
    const names = new Set(
      (await expressions()).flatMap(({ expr }) => metricsOf(expr)).filter(name => !own.has(name)),
    )
    const counters = await countersKnown()
    const series: Series[] = []
    for (const name of names) series.push(...(await queryRange(name, start, end, STEP_SECONDS)))
    const kept = series.filter(({ metric }) => metric.le === undefined || BOUNDS.has(metric.le))
    const isClockKept = !kept.some(
      one => one.metric.__name__ === 'node_timex_sync_status' && one.values[0]?.[1] === 0,
    )
    const day = kept
      .filter(({ metric }) => isClockKept || !metric.__name__?.startsWith('node_timex_'))
      .map(one => ({ name: labelled(one.metric), values: repeated(one, start, counters) }))

    const wrong = told.map(({ alert, summary }) => `${alert} was told: ${summary}`)
    const file = join(lab.folder, 'quiet-day.yml')
    const judge = async (text: string) => {
      await writeFile(file, text)
      return run([prometheusTool('promtool'), 'test', 'rules', file], { ms: PROMTOOL_MS, cwd: FOLDER }).then(
        () => '',
        (error: Error) => error.message,
      )
    }
    const said = await judge(await testOf(day, `${DAY}s`))
    if (said) wrong.push(`alerts in a day of good health:\n${said}`)
    // That the same day with a fault in it is not silent says that the test sees.
    const broken = day.map(one =>
      one.name.startsWith('up{') && one.name.includes('samaconso_api_1')
        ? { ...one, values: one.values.map(() => '0') }
        : one,
    )
    if (!(await judge(await testOf(broken, '3600s'))).includes('ApiDown'))
      wrong.push('a dead API is not seen in the replay')
    const notes = [
      `${day.length} series of ${RECORDED_MS / 60_000} min, repeated ${Math.round((DAY * 1_000) / RECORDED_MS)} times; ${(await alerts()).length} alerts judged every minute`,
      `meanwhile, on times of which an hour is a minute, ${mails.length} mails: that alerts work`,
      ...(isClockKept ? [] : ['the clock left out: nothing keeps it on this machine']),
    ]
    return { lost: 0, repeated: 0, notes, wrong }
  },
}

const labelled = ({ __name__ = '', ...labels }: Record<string, string>): string =>
  `${__name__}{${Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',')}}`

/** A day of a recorded series: counters go on from where they were, moments are counted from the day's beginning. */
function repeated({ metric, values }: Series, start: number, counters: ReadonlySet<string>): string[] {
  const name = metric.__name__ ?? ''
  const turns = RECORDED_MS / 1_000 / STEP_SECONDS
  const at = new Map(values)
  const filled: (number | null)[] = []
  for (let i = 0; i < turns; i++) filled.push(at.get(start + i * STEP_SECONDS) ?? filled.at(-1) ?? null)
  const known = filled.filter(value => value !== null)
  const first = known[0] ?? 0
  const last = known.at(-1) ?? 0
  const isCounter = counters.has(name) || /_(total|count|bucket|sum)$/.test(name)
  const grown = isCounter ? last - first + (last - first) / Math.max(1, known.length - 1) : 0
  const origin = /_timestamp_seconds$|_cert_expiry$/.test(name) ? start : 0
  return Array.from({ length: DAY / STEP_SECONDS + 1 }, (_, i) => {
    const round = Math.floor(i / turns)
    const value = filled[i % turns] ?? (round === 0 ? null : first)
    return value === null ? '_' : String(value - origin + round * grown)
  })
}

/** As `promtool test rules` takes it: in the end nothing has fired but what always does. */
async function testOf(
  series: readonly { name: string; values: readonly string[] }[],
  until: string,
): Promise<string> {
  const rules = (await run(['ls', join(FOLDER, 'rules')]))
    .split('\n')
    .map(name => join(FOLDER, 'rules', name))
  const inputs = series.map(
    ({ name, values }) =>
      `      - { series: '${name.replaceAll("'", "''")}', values: '${values.join(' ')}' }`,
  )
  return `rule_files: ${JSON.stringify(rules)}
evaluation_interval: 1m
tests:
  - interval: ${STEP_SECONDS}s
    input_series:
${inputs.join('\n')}
    promql_expr_test:
      - expr: 'count by (alertname) (count_over_time(ALERTS{alertstate="firing",alertname!="DeadMansSwitch"}[1d]))'
        eval_time: ${until}
        exp_samples: []
      - expr: 'count(ALERTS{alertstate="firing",alertname="DeadMansSwitch"})'
        eval_time: ${until}
        exp_samples: [{ value: 1 }]
      - expr: 'count(samaconso:http_errors:ratio_rate6h and samaconso:delivery_late:ratio_rate6h and samaconso:delivery_failures:ratio_rate6h)'
        eval_time: ${until}
        exp_samples: [{ value: 1 }]
`
}
