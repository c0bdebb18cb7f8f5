import type { Tx } from '../../db/index.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { record } from '../audit/index.ts'
import { tellProgress } from '../notifications/index.ts'
import { show } from './read.ts'
import type { Broadcast, State } from './schema.ts'

interface Transition {
  /** For the audit, `broadcast.pause`. */
  action: string
  /** Asked for again by somebody who finds it there, nothing happens; null when there is no such state. */
  to: State | null
  /** Does it in the transaction; false when the broadcast is in no state for it. */
  act(tx: Tx, before: Broadcast): Promise<boolean>
  /** What follows the commit. */
  afterwards?(): Promise<unknown>
}

/**
 * One act of staff on a broadcast that they may see, with its audit row. `Problem('not_found')` for whoever else's,
 * `conflict` when its state does not allow it.
 */
export async function transition(
  ctx: Ctx,
  id: string,
  { action, to, act, afterwards }: Transition,
): Promise<Broadcast> {
  const before = await show(ctx, id)
  if (before.state === to) return before
  const done = await ctx.db.tx(async tx => {
    if (!(await act(tx, before))) return false
    const detail = { from: before.state }
    await record(tx, ctx, { action, objectKind: 'broadcast', objectId: id, detail })
    return true
  })
  if (done) {
    await afterwards?.()
    await tellProgress(ctx, id)
  }
  const after = await show(ctx, id)
  if (!done && after.state !== to) throw wrongState(after.state)
  return after
}

/** What cannot be done to a broadcast in this state. */
export const wrongState = (state: State): Problem =>
  new Problem('conflict', {
    detail: {
      fr: `La diffusion est dans l’état « ${state} » : ce n’est plus possible.`,
      en: `The broadcast is "${state}": this cannot be done to it.`,
    },
  })
