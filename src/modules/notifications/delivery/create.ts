import type { Tx } from '../../../db/index.ts'
import { newId } from '../../../lib/id.ts'
import type { Services } from '../../../services.ts'
import { enqueue } from '../../../tasks/index.ts'
import { deliverTask, messageOf } from './tasks.ts'
import { insertUnits, type NewUnit } from './units-sql.ts'

/**
 * Writes units of sending and their messages in the caller's transaction: they go out if and only if it commits. The
 * relay is woken after the commit.
 */
export async function createDeliveries(tx: Tx, services: Services, units: readonly NewUnit[]): Promise<void> {
  if (units.length === 0) return
  const now = services.clock.now()
  const made = units.map(unit => ({ ...unit, id: newId(now) }))
  await insertUnits(tx, made, now)
  const groups = Map.groupBy(made, ({ queue, requestId }) => `${queue} ${requestId ?? ''}`)
  for (const group of groups.values()) {
    const { queue, requestId } = group[0] as (typeof made)[number]
    const payloads = group.map(messageOf)
    await enqueue(tx, deliverTask, payloads, { queue, requestId: requestId ?? null })
  }
  tx.afterCommit(services.wakeRelay)
}
