import type { Ctx } from '../../services.ts'
import { record } from '../audit/index.ts'
import { show } from './read.ts'
import type { Broadcast, RateBody } from './schema.ts'
import { updateRate } from './sql.ts'
import { wrongState } from './transition.ts'

/**
 * Limits a broadcast to another rate, or lifts the limit: for what is not in chunks yet, which is all but about a second of
 * one that had a limit. `Problem('conflict')` when it is over.
 */
export async function changeRate(ctx: Ctx, id: string, { ratePerSecond }: RateBody): Promise<Broadcast> {
  const before = await show(ctx, id)
  const changed = await ctx.db.tx(async tx => {
    if (!(await updateRate(tx, id, ratePerSecond))) return false
    const detail = { from: before.rateLimit, to: ratePerSecond }
    await record(tx, ctx, { action: 'broadcast.rate', objectKind: 'broadcast', objectId: id, detail })
    return true
  })
  const after = await show(ctx, id)
  if (!changed) throw wrongState(after.state)
  return after
}
