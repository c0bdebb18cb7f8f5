import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { show } from './read.ts'
import type { Broadcast } from './schema.ts'
import { lockBroadcast, updateApproved } from './sql.ts'
import { start } from './start.ts'
import { transition } from './transition.ts'

/**
 * A second administrator lets a large broadcast go: it starts, or waits for its time. By the same again nothing happens;
 * `Problem('approval_by_author')` for its author, `conflict` when it does not wait for approval or its time is over.
 */
export async function approve(ctx: Ctx, id: string): Promise<Broadcast> {
  const before = await show(ctx, id)
  if (before.approvedBy === ctx.caller.id) return before
  return transition(ctx, id, {
    action: 'broadcast.approve',
    to: null,
    async act(tx) {
      const row = await lockBroadcast(tx, id, 'awaiting-approval')
      const now = ctx.clock.now()
      if (!row || row.expiresAt.getTime() <= now) return false
      if (row.createdBy === ctx.caller.id) throw new Problem('approval_by_author')
      await updateApproved(tx, id, ctx.caller.id, new Date(now))
      if ((row.scheduledAt?.getTime() ?? 0) <= now) await start(tx, ctx, row, ctx.requestId)
      return true
    },
  })
}
