import { until } from '../harness.ts'
import type { startMonitorStack } from './monitor-stack.ts'

type Stack = Awaited<ReturnType<typeof startMonitorStack>>

const TOMORROW_MS = 24 * 3_600_000
/** Slow enough to be under way on every page that is looked at. */
const PER_SECOND = 3

/**
 * A monitor as on an ordinary day, for those who look at its pages: a message to many under way, one for tomorrow, one to
 * a single customer that has arrived, and what was put aside for three causes. Returns the task of the single one.
 */
export async function liveOneDay(stack: Stack, token: string): Promise<string> {
  await stack.fcm({ outcome: 'ok', share: 1, latencyMs: 40 })
  const [{ id: customerId }] = await stack.sql('select customer_id id from devices limit 1')
  await stack.api(
    'POST',
    '/v1/admin/notifications',
    {
      customerId,
      content: { fr: { title: 'Votre compteur est posé', body: 'Il donne ses relevés dès ce soir.' } },
    },
    token,
  )
  let task: { id: string } | undefined
  await until(
    'the single push',
    async () => {
      ;[task] = await stack.sql(
        `select task_id id from task_history where task = 'notifications.deliver' and state = 'succeeded'
         and request_id in (select request_id from audit) order by id desc limit 1`,
      )
      return task !== undefined
    },
    30_000,
  )
  const broadcast = (title: string, body: string, more: object) =>
    stack.api(
      'POST',
      '/v1/admin/broadcasts',
      { audience: { kind: 'everyone' }, content: { fr: { title, body } }, ...more },
      token,
    )
  await broadcast('Coupure à Rufisque, mardi', 'De 9 h à 12 h, pour le renouvellement d’un transformateur.', {
    ratePerSecond: PER_SECOND,
  })
  await broadcast('Nouveaux tarifs au 1er janvier', 'Consultez le détail dans l’application.', {
    scheduledAt: new Date(Date.now() + TOMORROW_MS).toISOString(),
  })
  for (const [name, queue, payload, count] of [
    ['meters.reconcile', 'low_priority', '{}', 14],
    ['billing.remind', 'normal', '{"invoice": "F-2026-0042"}', 5],
    ['notifications.deliver', 'high_priority', '{"delivery": "none"}', 2],
  ]) {
    await stack.sql(
      `insert into outbox (task, queue, payload)
       select '${name}', '${queue}', '${payload}' from generate_series(1, ${count})`,
    )
  }
  return task?.id ?? ''
}
