import { writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { alerts as alertsOfRules } from '../../../test/observability/files.ts'
import { mailboxFile, WATCHER } from '../../lib/mailbox.ts'
import { mailsIn } from '../../lib/mails.ts'
import { query } from '../../lib/prometheus.ts'
import { shortenTimes } from '../../lib/shortened.ts'
import type { Drill, Outcome, Stage } from '../drill.ts'
import { type Case, type Drilling, openDrilling } from './drilling.ts'
import { diskCases, longCases, machineCases, slowCases } from './machines.ts'
import { ALERTS_PAGE, type Fired, pageOfAlerts } from './page.ts'
import { objectiveCases, processCases } from './product.ts'
import { brokerCases, cacheCases, databaseCases } from './servers.ts'

const CASES: readonly Case[] = [
  ...slowCases,
  ...objectiveCases,
  ...cacheCases,
  ...databaseCases.slice(0, 2),
  ...diskCases,
  ...processCases,
  ...databaseCases.slice(2),
  ...brokerCases,
  ...machineCases,
]

/** Fires by itself, always or as this machine is. */
export const OF_ITSELF = ['DeadMansSwitch', 'ClockOff']

const FIRST_MAIL_MS = 60_000
/** The six hours of the slow burns, and a mail's way. */
const OVER_MS = 480_000
const SETTLE_MS = 25_000

export const alertDrills: readonly Drill[] = [
  {
    name: 'alerts',
    what: 'every alert caused, told by mail, and over again; an hour is a minute',
    isApart: true,
    atMostSeconds: 1_800,
    run: stage => drill(stage, CASES, 'alerts'),
  },
  {
    name: 'alerts-long',
    what: 'the two alerts that need a quarter of an hour',
    isApart: true,
    atMostSeconds: 1_800,
    run: stage => drill(stage, longCases, 'alerts-long'),
  },
]

async function drill({ lab, load }: Stage, cases: readonly Case[], name: string): Promise<Outcome> {
  const wrong: string[] = []
  const notes: string[] = []
  const d = await openDrilling(lab, load)
  await lab.on('server1', ['samaconso-task', 'backup-dump', 'samaconso-backup', 'dump'])
  await shortenTimes(lab)
  await pause(SETTLE_MS)
  const isClockKept = (await query('min(node_timex_sync_status)'))[0]?.value === 1

  const fired: Fired[] = []
  const caused = new Map<Case, number>()
  const begin = async (one: Case) => {
    caused.set(one, Date.now())
    await one.cause(d).catch((error: Error) => wrong.push(`${one.alerts}: not caused: ${error.message}`))
  }
  const end = async (one: Case) => {
    for (const alert of one.alerts) fired.push(await firstMail(d, one, alert, caused.get(one) as number))
    await one.cure(d).catch((error: Error) => wrong.push(`${one.alerts}: not ended: ${error.message}`))
    const words = fired.slice(-one.alerts.length).map(({ alert, after }) => `${alert} ${after ?? '✗'}`)
    console.log(`    ${words.join(', ')} s: ${one.what}`)
  }
  for (const one of cases.filter(({ isSlow }) => isSlow)) await begin(one)
  for (const one of cases.filter(({ isSlow }) => !isSlow)) {
    await begin(one)
    await end(one)
  }
  for (const one of cases.filter(({ isSlow }) => isSlow)) await end(one)
  await allOver(d, fired)

  for (const { alert, after, over } of fired) {
    if (after === null) wrong.push(`${alert} was not told`)
    else if (over === null) wrong.push(`${alert} did not end`)
  }
  if (name === 'alerts') {
    wrong.push(...(await watcher(d, notes)), ...(await leftOut(fired, cases)))
    if (!isClockKept) {
      const [clock] = await d.told('ClockOff', 0)
      if (!clock) wrong.push('ClockOff was not told, and no clock is kept here')
      notes.push('ClockOff told: nothing keeps the clock of this machine')
    }
    await writeFile(ALERTS_PAGE, pageOfAlerts(fired, { isClockKept, notes }))
  }
  notes.push(`${fired.filter(({ over }) => over !== null).length} alerts told and over again`)
  for (const { alert, after, over } of fired) notes.push(`${alert} after ${after} s, over after ${over} s`)
  return { lost: 0, repeated: 0, notes, wrong }
}

/** Waits for the mail that tells of an alert; one that a case before made fire, and that is not over, was told then. */
async function firstMail(
  d: Drilling,
  { what, withinMs }: Case,
  alert: string,
  since: number,
): Promise<Fired> {
  const deadline = Date.now() + (withinMs ?? FIRST_MAIL_MS)
  for (;;) {
    const last = (await d.told(alert, 0)).at(-1)
    const mail = last?.isOver ? (await d.told(alert, since)).find(({ isOver }) => !isOver) : last
    const after = Math.max(0, seconds((mail?.at ?? since) - since))
    if (mail) return { ...mail, alert, what, after, over: null, toldAt: mail.at }
    if (Date.now() > deadline)
      return { alert, what, severity: '', summary: '', after: null, over: null, toldAt: Date.now() }
    await pause(500)
  }
}

/** Waits until the end of each is told, too. */
async function allOver(d: Drilling, fired: Fired[]): Promise<void> {
  for (const deadline = Date.now() + OVER_MS; ; await pause(1_000)) {
    for (const one of fired) {
      const over = (await d.told(one.alert, one.toldAt)).find(({ isOver }) => isOver)
      if (over && one.after !== null) one.over = seconds(over.at - one.toldAt)
    }
    const isDone = fired.every(({ after, over }) => after === null || over !== null)
    if (isDone || Date.now() > deadline) return
  }
}

/** The mail that says that alerts work comes always, its absence is seen after two of its turns, and it comes again. */
async function watcher({ lab }: Drilling, notes: string[]): Promise<string[]> {
  const TURN_MS = 15_000
  const last = async () =>
    (await mailsIn(mailboxFile(lab.folder))).filter(({ to }) => to.includes(WATCHER)).at(-1)?.at ?? 0
  const isMissing = async () => Date.now() - (await last()) > 2 * TURN_MS
  const wrong: string[] = []
  if (await isMissing()) wrong.push('DeadMansSwitch does not come')
  await lab.units.stop('samaconso_alertmanager')
  const stoppedAt = Date.now()
  while (!(await isMissing()) && Date.now() - stoppedAt < 4 * TURN_MS) await pause(500)
  const noticed = seconds(Date.now() - stoppedAt)
  if (!(await isMissing())) wrong.push('nobody misses DeadMansSwitch')
  await lab.units.start('samaconso_alertmanager')
  for (const deadline = Date.now() + 90_000; (await isMissing()) && Date.now() < deadline; ) await pause(500)
  if (await isMissing()) wrong.push('DeadMansSwitch does not come again')
  notes.push(
    `DeadMansSwitch came always; without Alertmanager it was missed after ${noticed} s, and then came again`,
  )
  return wrong
}

/** Alerts of the rules that no case causes and nobody explains. */
async function leftOut(fired: readonly Fired[], cases: readonly Case[]): Promise<string[]> {
  const known = new Set([
    ...[...cases, ...longCases].flatMap(one => one.alerts),
    ...fired.map(({ alert }) => alert),
    ...OF_ITSELF,
  ])
  return (await alertsOfRules())
    .filter(({ name }) => !known.has(name))
    .map(({ name }) => `${name}: no case causes it`)
}

const seconds = (ms: number): number => Math.round(ms / 1_000)
