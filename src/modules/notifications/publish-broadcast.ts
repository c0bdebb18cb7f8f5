import type { Tx } from '../../db/index.ts'
import type { Services } from '../../services.ts'
import { insertTargets } from './sql-accept.ts'

/**
 * Puts a started broadcast in the inbox of those it is for: 'everyone', 'agency:<n>', 'meter:<meterId>',
 * 'customer:<id>'. One row per target, whatever the audience; the row of the broadcast must be there. Their open
 * sockets hear it once the transaction commits.
 */
export async function publishBroadcast(
  tx: Tx,
  services: Services,
  input: { broadcastId: string; startedAt: Date | number; targets: readonly string[] },
): Promise<void> {
  const { broadcastId, targets } = input
  const startedAt = new Date(input.startedAt)
  const broadcast = await insertTargets(tx, broadcastId, startedAt, targets)
  tx.afterCommit(async () => {
    await services.cache.bump('everyone')
    const message = {
      type: 'broadcast',
      id: broadcastId,
      notificationType: broadcast.type,
      content: broadcast.content,
      createdAt: startedAt.toISOString(),
    }
    for (const target of targets) services.fanout.publish(target, message)
  })
}
