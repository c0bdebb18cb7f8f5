import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../harness.ts'
import { accountOfBroadcast, accountOfNotifications, outboxRows } from './accounts.ts'
import type { Count, Lab } from './lab.ts'
import type { Urgent } from './urgents.ts'

/** When something was wrong, and until when that may show; ms. */
export interface Fault {
  from: number
  to: number
}

export interface Evidence {
  name: string
  tokens: readonly string[]
  broadcastId: string
  urgents: readonly Urgent[]
  /** Other notifications that the API accepted. */
  others: readonly { id: string; token: string }[]
  faults: readonly Fault[]
  mayRepeat: number
  urgentWithinMs: number
  unreachable?: (token: string) => boolean
  seconds: number
}

/** A line of the table, and everything that does not hold. */
export interface Row {
  name: string
  devices: number
  accepted: number
  distinct: number
  repeated: number
  bound: number
  lost: number
  urgent: { n: number; p50: number; p99: number; max: number }
  /** The longest time from a fault until urgent ones were quick again; s. */
  recovery: number
  seconds: number
  wrong: string[]
}

/** What urgent ones keep to while nothing is wrong; ms. */
const QUICK_MS = 1_000
/** The ledger is on disk within this. */
const FLUSHED_MS = 500
const CLEAR_MS = 45_000

/** Compares what the API accepted, what the database says and what FCM received. */
export async function judge(lab: Lab, evidence: Evidence): Promise<Row> {
  const { broadcastId, tokens, urgents, faults } = evidence
  const wrong: string[] = []
  const say = (isWrong: boolean, what: string) => void (isWrong && wrong.push(what))

  await pause(FLUSHED_MS)
  const notifications = [...urgents, ...evidence.others]
  const ids = notifications.map(({ id }) => id)
  // What another process does with a message that came twice takes a moment.
  await until(
    'every urgent one accounted for, and an empty outbox',
    async () => (await accountOfNotifications(lab, ids)).open === 0 && (await outboxRows(lab)) === 0,
    CLEAR_MS,
  ).catch(error => void wrong.push((error as Error).message))

  const count = await lab.ledger()
  const reachable = tokens.filter(token => !evidence.unreachable?.(token))
  const broadcast = await accountOfBroadcast(lab, broadcastId)
  const singles = await accountOfNotifications(lab, ids)
  const pushed = tally(
    count,
    reachable.map(token => ({ token, id: broadcastId })),
  )
  const single = tally(count, notifications)
  const inReport = Object.values(broadcast.report ?? {}).reduce((sum, devices) => sum + devices, 0)
  const unaccounted = tokens.length - inReport + ids.length - singles.settled

  say(pushed.missing.length > 0, `not reached: ${pushed.missing.length}, as ${pushed.missing.slice(0, 3)}`)
  say(inReport !== tokens.length, `the report says ${inReport} devices of ${tokens.length}`)
  say(broadcast.settled !== tokens.length, `units account for ${broadcast.settled} of ${tokens.length}`)
  say(broadcast.open > 0, `${broadcast.open} units of the broadcast are not done`)
  say(singles.known !== ids.length, `urgent ones accepted ${ids.length}, in the database ${singles.known}`)
  say(singles.sent !== ids.length, `urgent ones accepted ${ids.length}, sent ${singles.sent}`)
  say(single.missing.length > 0, `urgent ones that no phone got: ${single.missing.length}`)
  say(
    pushed.repeated > Math.min(evidence.mayRepeat, broadcast.repeatable),
    `repeated ${pushed.repeated}: more than ${evidence.mayRepeat} by the case or ${broadcast.repeatable} by the units`,
  )
  say(
    single.repeated > singles.repeatable,
    `urgent ones repeated ${single.repeated}: more than ${singles.repeatable}`,
  )
  const aside = (await lab.monitor('GET', '/api/parked')).total
  say(aside.tasks + aside.deliveries > 0, `put aside: ${JSON.stringify(aside)}`)
  const times = judgeTimes(urgents, faults, evidence.urgentWithinMs, say)
  return {
    name: evidence.name,
    devices: tokens.length,
    accepted: 1 + ids.length,
    distinct: pushed.reached,
    repeated: pushed.repeated,
    bound: Math.min(evidence.mayRepeat, broadcast.repeatable),
    lost: pushed.missing.length + single.missing.length + Math.abs(unaccounted),
    ...times,
    seconds: evidence.seconds,
    wrong,
  }
}

function tally(count: Count, expected: readonly { token: string; id: string }[]) {
  const missing: string[] = []
  let received = 0
  for (const { token, id } of expected) {
    const times = count(token, id)
    if (times === 0) missing.push(token)
    received += times
  }
  const reached = expected.length - missing.length
  return { missing, reached, repeated: received - reached }
}

/** Quick while nothing is wrong; what a fault held up, within its bound. */
function judgeTimes(
  urgents: readonly Urgent[],
  faults: readonly Fault[],
  withinMs: number,
  say: (isWrong: boolean, what: string) => void,
): Pick<Row, 'urgent' | 'recovery'> {
  const timed = urgents.flatMap(({ acceptedAt, receivedAt }) =>
    receivedAt === null ? [] : [{ acceptedAt, receivedAt, ms: Math.max(0, receivedAt - acceptedAt) }],
  )
  // One that was under way when something broke is held up too.
  const faultOf = (at: number) => faults.find(({ from, to }) => at > from - QUICK_MS && at < to)
  const steady = timed.filter(({ acceptedAt }) => !faultOf(acceptedAt)).map(({ ms }) => ms)
  const p99 = quantile(steady, 0.99)
  say(steady.length < 20, `only ${steady.length} urgent ones while nothing was wrong`)
  say(p99 >= QUICK_MS, `urgent ones while nothing was wrong: p99 ${p99} ms`)
  for (const { acceptedAt, receivedAt, ms } of timed) {
    const fault = faultOf(acceptedAt)
    if (fault && ms > QUICK_MS && receivedAt > fault.to + withinMs)
      say(true, `an urgent one came ${receivedAt - fault.to} ms after its fault was over`)
  }
  const recoveries = faults.map(({ from, to }) =>
    Math.max(
      0,
      ...timed
        .filter(({ acceptedAt, ms }) => ms >= QUICK_MS && acceptedAt > from - QUICK_MS && acceptedAt < to)
        .map(({ acceptedAt }) => acceptedAt - from),
    ),
  )
  return {
    urgent: {
      n: timed.length,
      p50: quantile(steady, 0.5),
      p99,
      max: Math.max(0, ...timed.map(({ ms }) => ms)),
    },
    recovery: Math.max(0, ...recoveries) / 1_000,
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0
}
