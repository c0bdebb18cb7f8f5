import type { Tx } from '../../db/index.ts'
import { newId } from '../../lib/id.ts'
import { Problem } from '../../lib/problems.ts'
import type { Services } from '../../services.ts'
import { type Priority, queueOf } from '../../tasks/index.ts'
import { createDeliveries } from './delivery/index.ts'
import type { Content } from './schema.ts'
import { insertNotifications, type NewNotification } from './sql-accept.ts'

/** Until when a notification is worth sending, unless said otherwise: seconds. */
export const DEFAULT_LIFE = 86_400

export interface NotificationInput {
  type: string
  priority: Priority
  /** French always; the recipient's language where it is there. */
  content: Content
  /** What the app opens when the notification is touched; ids, no secrets. */
  data?: Record<string, string>
  /** The member of staff who sends it. */
  createdBy?: string
  expiresInSeconds?: number
  requestId?: string
}

/**
 * Tells a customer something: into the inbox and on its way to their devices in the caller's transaction, to their
 * open sockets once it commits. `Problem('not_found')` when there is no such customer.
 */
export async function notify(
  tx: Tx,
  services: Services,
  input: NotificationInput & { customerId: string },
): Promise<{ id: string }> {
  const [id] = await notifyEach(tx, services, [input])
  if (id === undefined) throw new Problem('not_found')
  return { id }
}

/**
 * Tells several customers, each what is theirs, in one statement however many; who does not exist is left out. Ids in the
 * order given.
 */
export async function notifyEach(
  tx: Tx,
  services: Services,
  inputs: readonly (NotificationInput & { customerId: string })[],
): Promise<string[]> {
  if (inputs.length === 0) return []
  const now = services.clock.now()
  const made = inputs.map(input => ({
    ...input,
    id: newId(now),
    expiresAt: new Date(now + (input.expiresInSeconds ?? DEFAULT_LIFE) * 1_000),
  }))
  const rows = await insertNotifications(tx, made, new Date(now))
  const inserted = new Set(rows.map(row => row.id))
  const accepted = made.filter(({ id }) => inserted.has(id))
  await createDeliveries(
    tx,
    services,
    accepted.map(({ id, priority, requestId }) => ({
      notificationId: id,
      queue: queueOf(priority),
      ...(requestId === undefined ? {} : { requestId }),
    })),
  )
  tx.afterCommit(() => announce(services, rows, new Date(now).toISOString()))
  return accepted.map(({ id }) => id)
}

/** The next reading of the inbox shows it, and open sockets hear it. */
async function announce(
  { cache, fanout }: Services,
  rows: readonly NewNotification[],
  createdAt: string,
): Promise<void> {
  if (rows.length === 0) return
  await cache.bump(...new Set(rows.map(row => `customer:${row.customerId}`)))
  for (const { customerId, id, type, title, body, data } of rows) {
    fanout.publish(`customer:${customerId}`, {
      type: 'notification',
      notification: {
        id,
        type,
        title,
        body,
        createdAt,
        read: false,
        broadcast: false,
        ...(data ? { data } : {}),
      },
    })
  }
}
