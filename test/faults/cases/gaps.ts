import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../../harness.ts'
import { outboxRows } from '../accounts.ts'
import { type Case, CHUNK, type Drill, drill, IN_FLIGHT, SLOTS } from '../drill.ts'
import { haltWhileBusy } from '../halt.ts'
import type { Lab } from '../lab.ts'

const MANY = 30
/** FCM answers this one so late that its worker can be halted in between. */
const LATE_MS = 1_500

/** Killed in the two gaps that nothing can close: between commit and publication, between FCM's answer and its record. */
export const gaps: Case = {
  name: 'gaps',
  what: 'API killed between commit and publication, workers between FCM’s answer and its record',
  short: true,
  atMostSeconds: 200,
  run: lab => {
    let late = { id: '', token: '' }
    return drill(lab, {
      name: 'gaps',
      mayRepeat: SLOTS * CHUNK + IN_FLIGHT,
      async faults(self) {
        await self.reached(0.15)
        await self.fault(async () => {
          // What FCM has answered is in the worker's hands, and nowhere else.
          await haltWhileBusy(lab, 'samaconso_worker_2', self.id)
          await lab.processes.killAndReturn('samaconso_worker_2')
        })
        await self.fault(() => unpublished(lab, self), BROKER_BACK_MS)
        await self.fault(async () => {
          late = await answered(lab, self)
        })
      },
      async check() {
        await until(
          'the notification whose record was lost on its phone again, under the same id',
          async () => (await lab.ledger())(late.token, late.id) === 2,
          40_000,
        )
      },
    })
  },
}

const BROKER_BACK_MS = 6_000

/** The broker takes nothing, the API says 202, and dies: the rows in the outbox are all that there is. */
async function unpublished(lab: Lab, { accepted }: Drill): Promise<void> {
  let back = Promise.resolve()
  lab.processes.kill('rabbitmq', 'SIGSTOP')
  try {
    const answers = await Promise.all(
      Array.from({ length: MANY }, (_, i) => notify(lab, lab.people[i] as Lab['people'][number], `gap-${i}`)),
    )
    accepted.push(...answers)
    back = lab.processes.killAndReturn('samaconso_api_1')
    await until('the rows of what was accepted in the outbox', async () => (await outboxRows(lab)) >= MANY)
  } finally {
    lab.processes.kill('rabbitmq', 'SIGCONT')
  }
  await until('another to relay them', async () => (await outboxRows(lab)) < MANY, 30_000)
  await back
}

/** FCM has a notification and has answered; its worker is halted before it can tell anybody, and dies. */
async function answered(lab: Lab, { accepted }: Drill): Promise<{ id: string; token: string }> {
  const token = `sim-seed-${lab.devices}`
  const [person] = await lab.db.query<{ id: string; token: string }>(
    'select customer_id id, push_token token from devices where push_token = $1',
    [token],
  )
  if (!person) throw new Error(`There is no device ${token}.`)
  await lab.world('POST', '/push/behaviour', { outcome: 'ok', latencyMs: LATE_MS, for: token })
  const late = await notify(lab, person, 'late')
  accepted.push(late)
  await until(
    'FCM to have it',
    async () => JSON.stringify(await lab.world('GET', `/push?token=${token}`)).includes(late.id),
    20_000,
  )
  lab.processes.kill('samaconso_worker_1', 'SIGSTOP')
  await pause(LATE_MS + 500)
  await lab.world('POST', '/push/behaviour', { outcome: 'ok' })
  await lab.processes.killAndReturn('samaconso_worker_1')
  return late
}

/** Sends an urgent notification by the first API, once. */
async function notify(
  lab: Lab,
  person: Lab['people'][number],
  key: string,
): Promise<{ id: string; token: string }> {
  const { status, body } = await lab.client.once(0, {
    method: 'POST',
    path: '/v1/admin/notifications',
    token: lab.admin,
    key: `${key}-${Date.now()}`,
    body: {
      customerId: person.id,
      priority: 'urgent',
      content: { fr: { title: 'Urgent', body: 'À lire tout de suite.' } },
    },
  })
  if (status !== 202) throw new Error(`A notification: ${status} ${JSON.stringify(body)}`)
  return { id: body.id, token: person.token }
}
