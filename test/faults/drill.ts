import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../harness.ts'
import { accountOfBroadcast } from './accounts.ts'
import { type Fault, judge, type Row } from './judge.ts'
import type { Lab } from './lab.ts'
import { startUrgents } from './urgents.ts'

export interface Case {
  name: string
  /** In a line of the table. */
  what: string
  /** Part of the short form. */
  short?: boolean
  atMostSeconds: number
  run(lab: Lab): Promise<Row>
}

export interface DrillOptions {
  name: string
  /** Devices that may be sent to twice, as the case derives it from what it does; the database's own account is asked too. */
  mayRepeat: number
  /** How long an urgent one may take whose way the case kills, beyond the end of the fault; ms. */
  urgentWithinMs?: number
  /** Devices a second; in the short form it is slow enough for a middle unless said otherwise. */
  rate?: number
  /** Starts it by itself so much later, as staff may ask; ms. */
  scheduledInMs?: number
  /** What was accepted is over by then. */
  expiresInSeconds?: number
  /** How long the broadcast may take; ms. */
  doneMs?: number
  /** What goes wrong, once the broadcast has begun. */
  faults(drill: Drill): Promise<void>
  /** What else is to be true at the end. */
  check?: (drill: Drill) => Promise<void>
  /** Tokens that FCM does not accept: not to be reached. */
  unreachable?: (token: string) => boolean
}

export interface Drill {
  lab: Lab
  /** The broadcast. */
  id: string
  /** Notifications that a case sends itself and the API accepted: judged with the others. */
  accepted: { id: string; token: string }[]
  /** Resolves when FCM has it on this share of the devices. */
  reached(share: number): Promise<void>
  /** Does something bad and waits until it is over; urgent ones sent meanwhile, and for a moment after, may be late. */
  fault(act: () => Promise<void>, settleMs?: number): Promise<void>
  /** The devices that FCM has it on. */
  distinct(): Promise<number>
}

/** Bounds the parts of a chunk beyond its planned size: a customer’s devices are never split. */
export const CHUNK = 510
/** Slots of each queue of a worker of the stack. */
export const SLOTS = 4
/** Pushes under way in a process. */
export const IN_FLIGHT = 200

const STEADY_BEFORE_MS = 2_000
const STEADY_AFTER_MS = 4_000
const SETTLE_MS = 2_500
const DONE_MS = 150_000
/** A lease, two looks of the sweep, and a sending. */
const TAKEN_OVER_MS = 36_000
/** Where a broadcast is not slowed at its start by its size. */
const UNRAMPED = 10_000
const SHORT_SECONDS = 10

/** A broadcast to everybody with urgent notifications all the while, faults in its middle, and the judgement. */
export async function drill(lab: Lab, options: DrillOptions): Promise<Row> {
  const { faults, doneMs = DONE_MS, urgentWithinMs = TAKEN_OVER_MS } = options
  await lab.world('POST', '/push/behaviour', { outcome: 'ok' })
  await lab.world('DELETE', '/push')
  const tokens = (
    await lab.db.query<{ token: string }>('select push_token token from devices where push_token is not null')
  ).map(({ token }) => token)
  const urgents = await startUrgents(lab, options.expiresInSeconds)
  const happened: Fault[] = []
  const startedAt = Date.now()
  try {
    await pause(STEADY_BEFORE_MS)
    const id = await startBroadcast(lab, options)
    const self: Drill = {
      lab,
      id,
      accepted: [],
      distinct: async () => (await lab.world('GET', '/push/stats')).devices,
      reached: async share => {
        await until(
          `${share * 100} % of the devices`,
          async () => (await self.distinct()) >= share * tokens.length,
          doneMs,
        )
      },
      async fault(act, settleMs = SETTLE_MS) {
        const from = Date.now()
        await act()
        happened.push({ from, to: Date.now() + settleMs })
      },
    }
    await faults(self)
    await until(`the end of the broadcast ${id}`, () => isOver(lab, id), doneMs)
    await pause(STEADY_AFTER_MS)
    await options.check?.(self)
    const sent = await urgents.stop(urgentWithinMs)
    return await judge(lab, {
      ...options,
      urgentWithinMs,
      tokens,
      broadcastId: id,
      urgents: sent,
      others: self.accepted,
      faults: happened,
      seconds: (Date.now() - startedAt) / 1_000,
    })
  } catch (error) {
    await urgents.stop(1_000).catch(() => undefined)
    throw error
  }
}

async function startBroadcast(
  lab: Lab,
  { rate, scheduledInMs, expiresInSeconds }: DrillOptions,
): Promise<string> {
  const ratePerSecond = rate ?? (lab.devices <= UNRAMPED ? Math.ceil(lab.devices / SHORT_SECONDS) : undefined)
  const { status, body } = await lab.client.ask({
    method: 'POST',
    path: '/v1/admin/broadcasts',
    token: lab.admin,
    key: `broadcast-${Date.now()}`,
    body: {
      audience: { kind: 'everyone' },
      content: { fr: { title: 'À tous', body: 'Un message pour tout le monde.' } },
      ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
      ...(expiresInSeconds === undefined ? {} : { expiresIn: expiresInSeconds }),
      ...(scheduledInMs === undefined
        ? {}
        : { scheduledAt: new Date(Date.now() + scheduledInMs).toISOString() }),
    },
  })
  if (status !== 202) throw new Error(`The broadcast: ${status} ${JSON.stringify(body)}`)
  return body.id
}

/** False too while the database is away. */
const isOver = (lab: Lab, id: string): Promise<boolean> =>
  accountOfBroadcast(lab, id).then(
    ({ state, report }) => state === 'done' && report !== null,
    () => false,
  )
