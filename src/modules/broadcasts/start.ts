import type { Tx } from '../../db/index.ts'
import type { Services } from '../../services.ts'
import { enqueue, queueOf } from '../../tasks/index.ts'
import { countAudience, publishBroadcast, targetsOf } from '../notifications/index.ts'
import { type BroadcastRow, databaseNow, updateStarted } from './sql.ts'
import { planTask } from './tasks.ts'

/** Who has the app open hears first: the pushes to everybody else, which keep every server busy, come this much later. */
const OPEN_APPS_FIRST_MS = 500

/**
 * Starts a broadcast in the caller's transaction, which holds its row: who is in it is decided here, it is in their inboxes
 * once this commits, and on its way to the devices.
 */
export async function start(
  tx: Tx,
  services: Services,
  { id, audience, priority }: Pick<BroadcastRow, 'id' | 'audience' | 'priority'>,
  requestId: string | null = null,
): Promise<void> {
  const startedAt = await databaseNow(tx)
  const reach = await countAudience(tx, audience, startedAt)
  await updateStarted(tx, id, startedAt, reach, new Date(services.clock.now()))
  await publishBroadcast(tx, services, { broadcastId: id, startedAt, targets: targetsOf(audience) })
  const delayMs = priority === 'urgent' ? 0 : OPEN_APPS_FIRST_MS
  await enqueue(tx, planTask, [{ broadcastId: id }], { queue: queueOf(priority), requestId, delayMs })
  tx.afterCommit(services.wakeRelay)
}
