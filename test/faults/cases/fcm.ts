import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../../harness.ts'
import { accountOfBroadcast } from '../accounts.ts'
import { type Case, drill, IN_FLIGHT } from '../drill.ts'
import type { Lab } from '../lab.ts'

/** Devices whose pushes FCM treats in one way, by the beginning of their tokens. */
const FINAL = ['dead', 'bad', 'foreign', 'gone', 'stranger'] as const
const PASSING = ['unavailable', 'internal', 'full', 'hang', 'close'] as const
const OURS = ['apns', 'payload'] as const
const GROUPS = [...FINAL, ...PASSING, ...OURS]
type Group = (typeof GROUPS)[number]

const DEAD_MS = 2_000

/** Every answer of FCM's table for a share of the devices; requests that hang, connections that end. */
export const fcm: Case = {
  name: 'fcm',
  what: 'each error of FCM, hanging answers, connections closed, reset and gone away',
  atMostSeconds: 300,
  async run(lab) {
    const size = Math.max(10, Math.floor(lab.devices / 400))
    try {
      await name(lab, size)
      return await drill(lab, {
        name: 'fcm',
        // Whatever was under way on a connection that ended may have arrived: each close, the resets, and the hanging ones.
        mayRepeat: (Math.ceil(size * CLOSED) * 3 + 4) * IN_FLIGHT + size,
        doneMs: 200_000,
        unreachable: token => FINAL.some(group => token.startsWith(`sim-${group}-`)),
        async faults({ id, reached, fault }) {
          await behave(lab, 'gone', { outcome: 'UNREGISTERED' })
          await behave(lab, 'stranger', { outcome: 'SENDER_ID_MISMATCH' })
          await behave(lab, 'unavailable', { outcome: 'UNAVAILABLE' })
          await behave(lab, 'internal', { outcome: 'INTERNAL' })
          await behave(lab, 'full', { outcome: 'QUOTA_EXCEEDED', deviceQuota: true, retryAfterSeconds: 3 })
          await behave(lab, 'hang', { outcome: 'hang' })
          await behave(lab, 'close', { outcome: 'close', share: CLOSED })
          await behave(lab, 'apns', { outcome: 'THIRD_PARTY_AUTH_ERROR' })
          await resumeAfter(lab, id, 'apns', 'payload')
          await resumeAfter(lab, id, 'payload')
          await keepRunning(lab, id)
          for (const group of PASSING) await behave(lab, group, { outcome: 'ok' })
          await reached(0.7)
          await lab.world('DELETE', '/push/sessions')
          await reached(0.8)
          await fault(async () => {
            await lab.world('POST', '/push/behaviour', { outcome: 'dead' })
            await pause(DEAD_MS)
            await lab.world('POST', '/push/behaviour', { outcome: 'ok' })
          }, PROBED_MS)
        },
        async check({ id }) {
          const { report } = await accountOfBroadcast(lab, id)
          const [unregistered, refused] = [2 * size, 3 * size]
          if (report?.unregistered !== unregistered || report.refused !== refused)
            throw new Error(
              `Not ${unregistered} unregistered and ${refused} refused: ${JSON.stringify(report)}`,
            )
        },
      })
    } finally {
      await lab.db.query(
        `update devices set push_token = 'sim-' || installation
         where installation like 'seed-%' and push_token is distinct from 'sim-' || installation`,
      )
    }
  },
}

/** The share of pushes of that group at which FCM closes the connection. */
const CLOSED = 0.02
/** A channel that was down is asked again every five seconds. */
const PROBED_MS = 8_000

/** Gives devices in the middle of the walk tokens by which FCM tells them apart. */
async function name(lab: Lab, size: number): Promise<void> {
  for (const [i, group] of GROUPS.entries()) {
    const first = Math.floor(lab.devices * 0.1) + i * size * 2
    await lab.db.query(
      `update devices set push_token = 'sim-' || $1 || '-' || installation where installation = any($2)`,
      [group, Array.from({ length: size }, (_, n) => `seed-${first + n}`)],
    )
  }
}

const behave = (lab: Lab, group: Group, behaviour: object): Promise<unknown> =>
  lab.world('POST', '/push/behaviour', { ...behaviour, for: `sim-${group}-` })

/** A unit under way may tell of the mended fault once more: as a person would, it is resumed again. */
async function keepRunning(lab: Lab, id: string): Promise<void> {
  for (let looks = 0; looks < 10; looks++) {
    await pause(500)
    if ((await accountOfBroadcast(lab, id)).state === 'stopped') await resume(lab, id)
  }
}

/** A fault of ours stops the broadcast; mended, an administrator lets it go on, where `next` may be met. */
async function resumeAfter(lab: Lab, id: string, group: Group, next?: Group): Promise<void> {
  await until(
    `the broadcast stopped by ${group}`,
    async () => (await accountOfBroadcast(lab, id)).state === 'stopped',
    90_000,
  )
  await behave(lab, group, { outcome: 'ok' })
  if (next) await behave(lab, next, { outcome: 'INVALID_ARGUMENT' })
  await resume(lab, id)
}

async function resume(lab: Lab, id: string): Promise<void> {
  const { status, body } = await lab.client.ask({
    method: 'POST',
    path: `/v1/admin/broadcasts/${id}/resume`,
    token: lab.admin,
    body: {},
  })
  if (status !== 200) throw new Error(`Resume: ${status} ${JSON.stringify(body)}`)
}
