import type { Tx } from '../../db/index.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx, Services } from '../../services.ts'
import { enqueue, queueOf } from '../../tasks/index.ts'
import { resumeBroadcast } from '../notifications/index.ts'
import type { Broadcast } from './schema.ts'
import { planTask } from './tasks.ts'
import { transition } from './transition.ts'

/**
 * Lets a paused broadcast go on with exactly those that were not sent to; one that was stopped for a fault of ours too, by
 * an administrator once the fault is mended. `Problem('forbidden')` for an agent then, `conflict` when it is neither or
 * its time is over.
 */
export const resume = (ctx: Ctx, id: string): Promise<Broadcast> =>
  transition(ctx, id, {
    action: 'broadcast.resume',
    to: 'running',
    async act(tx, before) {
      const { role } = ctx.caller
      if (before.state === 'stopped' && role !== 'admin') throw new Problem('forbidden')
      // It may be stopped while an agent resumes it.
      const from = role === 'admin' ? (['paused', 'stopped'] as const) : (['paused'] as const)
      if (!(await resumeBroadcast(tx, ctx, id, from))) return false
      const options = { queue: queueOf(before.priority), requestId: ctx.requestId }
      await enqueue(tx, planTask, [{ broadcastId: id }], options)
      tx.afterCommit(ctx.wakeRelay)
      return true
    },
  })

/** Lets paused broadcasts go on in the transaction of an operator who answers for all of them at once. */
export async function resumeBroadcasts(tx: Tx, services: Services, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    if (await resumeBroadcast(tx, services, id, ['paused'])) {
      await enqueue(tx, planTask, [{ broadcastId: id }], {})
    }
  }
  if (ids.length > 0) tx.afterCommit(services.wakeRelay)
}
