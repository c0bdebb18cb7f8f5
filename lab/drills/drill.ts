import { randomUUID } from 'node:crypto'
import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { openLedger } from '../../simulators/fcm/ledger.ts'
import type { Laboratory } from '../lib/laboratory.ts'
import type { Load } from '../lib/load.ts'
import { sql } from '../lib/servers.ts'
import type { Seen } from '../processes/customers.ts'

export interface Stage {
  lab: Laboratory
  load: Load
}

export interface Drill {
  name: string
  /** What is done, in a line of the table. */
  what: string
  /** Part of the short form. */
  isShort?: boolean
  /** Only by name: it changes what Prometheus does, or takes long. */
  isApart?: boolean
  atMostSeconds: number
  /** Done before the first of all drills, for what takes its time. */
  prepare?(stage: Stage): Promise<void>
  run(stage: Stage): Promise<Outcome>
}

/** What a drill says in the end; `wrong` is empty when all holds. */
export interface Outcome {
  seen?: Seen
  /** Accepted notifications that are not accounted for; pushes that came more than once. */
  lost: number
  repeated: number
  notes: string[]
  wrong: string[]
}

/** What customers may see at most. */
export interface Floors {
  failed: number
  /** Told to come back later. */
  shed: number
  /** The longest without a good answer, ms. */
  gapMs: number
  /** Where what was accepted after a moment is meant to be gone. */
  mayLose?: boolean
}

/** No request fails and none is sent away: for whatever may die without a customer noticing. */
export const UNNOTICED: Floors = { failed: 0, shed: 0, gapMs: 5_000 }
/** Everything stands on these two: customers are told when to come back, and are served again within 5 s. */
export const SHORT_PAUSE: Floors = { failed: 0, shed: Number.POSITIVE_INFINITY, gapMs: 5_000 }

const STEADY_MS = 3_000
const ACCOUNT_MS = 90_000
const MOMENT_MS = 10_000

/** Does something bad while customers are at work, and judges what they saw and what became of what was accepted. */
export async function underLoad(
  { lab, load }: Stage,
  floors: Floors,
  act: (notes: string[]) => Promise<void>,
): Promise<Outcome> {
  const notes: string[] = []
  await load.mark()
  await pause(STEADY_MS)
  await act(notes)
  await pause(STEADY_MS)
  const seen = await load.seen()
  // What a restoration took away will not come, however long one waits.
  const account = await accountFor(lab, seen.accepted, floors.mayLose ? MOMENT_MS : ACCOUNT_MS)
  const wrong: string[] = []
  const say = (isWrong: boolean, what: string) => void (isWrong && wrong.push(what))
  say(seen.failedCount > floors.failed, `${seen.failedCount} requests failed: ${seen.failed.join('; ')}`)
  say(seen.shed > floors.shed, `${seen.shed} requests were sent away`)
  say(seen.gap > floors.gapMs, `${seen.gap} ms without a good answer`)
  say(seen.requests === 0, 'no request was made')
  say(
    account.lost > 0 && !floors.mayLose,
    `${account.lost} accepted notifications are not accounted for: ${account.missing}`,
  )
  return { seen, lost: account.lost, repeated: account.repeated, notes, wrong }
}

/** Compares what the API accepted with what the database says and what FCM received. */
async function accountFor(lab: Laboratory, accepted: Seen['accepted'], ms: number) {
  for (const deadline = Date.now() + ms; ; await pause(500)) {
    const counts = await countsOf(lab, accepted)
    const known = await knownTo(lab, accepted)
    const missing = accepted.filter(({ id }, i) => counts[i] === 0 || !known.has(id))
    if (missing.length === 0 || Date.now() > deadline) {
      const repeated = counts.filter(count => count > 1).length
      return {
        lost: missing.length,
        repeated,
        missing: missing
          .slice(0, 3)
          .map(({ id }) => id)
          .join(', '),
      }
    }
  }
}

/** How often FCM had each, by its own ledger as it is on disk. */
async function countsOf(lab: Laboratory, accepted: Seen['accepted']): Promise<number[]> {
  const copy = join(lab.folder, `ledger-${randomUUID()}`)
  await copyFile(join(lab.folder, 'outside/fcm/pushes.ledger'), copy)
  const { count, close } = openLedger(copy)
  const counts = accepted.map(({ id, pushToken }) => count(pushToken, id))
  close()
  await rm(copy, { force: true })
  return counts
}

/** Those that PostgreSQL has, with everything sent. */
async function knownTo(lab: Laboratory, accepted: Seen['accepted']): Promise<Set<string>> {
  if (accepted.length === 0) return new Set()
  const ids = accepted.map(({ id }) => `'${id}'`).join(',')
  const rows = await sql(
    lab.root('server1'),
    `select n.id from notifications n where n.id in (${ids})
     and not exists (select from deliveries d where d.notification_id = n.id and d.state <> 'done')`,
  )
  return new Set(rows.split('\n'))
}

/** Waits until something holds; rejects when it does not in time. */
export async function until(
  what: string,
  ms: number,
  holds: () => boolean | Promise<boolean>,
): Promise<number> {
  const startedAt = Date.now()
  while (!(await holds())) {
    if (Date.now() - startedAt > ms) throw new Error(`${what}: not within ${ms / 1_000} s`)
    await pause(100)
  }
  return Date.now() - startedAt
}

/** Kills a unit and waits until it serves again; gives how long that took, s. */
export async function killAndReturn({ lab }: Stage, name: string): Promise<number> {
  const status = () => lab.units.supervisor.status().find(unit => unit.name === name)
  const before = status()?.restarts ?? 0
  const startedAt = Date.now()
  lab.units.kill(name)
  await until(`${name} to serve again`, 120_000, () => {
    const now = status()
    return now !== undefined && now.state === 'up' && now.restarts > before
  })
  return (Date.now() - startedAt) / 1_000
}
