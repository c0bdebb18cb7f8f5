import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { record } from '../audit/index.ts'
import { cancelBroadcast, settleBroadcast, tellProgress } from '../notifications/index.ts'
import { show } from './read.ts'
import type { Broadcast } from './schema.ts'

/**
 * Cancels a broadcast that is not over: nothing more is sent after a second or two. Cancelling again changes nothing;
 * `Problem('conflict')` when it is done or was stopped. It stays in the inboxes.
 */
export async function cancel(ctx: Ctx, id: string): Promise<Broadcast> {
  const before = await show(ctx, id)
  if (before.state === 'cancelled') return before
  const cancelled = await ctx.db.tx(async tx => {
    if (!(await cancelBroadcast(tx, ctx, id))) return false
    await record(tx, ctx, { action: 'broadcast.cancel', objectKind: 'broadcast', objectId: id })
    return true
  })
  if (cancelled) {
    await tellProgress(ctx, id)
    await settleBroadcast(ctx, id)
  }
  const after = await show(ctx, id)
  if (after.state !== 'cancelled') throw new Problem('conflict')
  return after
}
