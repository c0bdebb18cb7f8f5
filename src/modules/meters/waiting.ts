import type { Static } from 'typebox'
import { decodeCursor, encodeCursor, UUID } from '../../lib/cursor.ts'
import type { Ctx } from '../../services.ts'
import { record } from '../audit/index.ts'
import type { StaffLinkPage } from './schema.ts'
import { waitingLinks } from './sql-decisions.ts'
import { staffView } from './view.ts'

/** No agency has this number: an agent without one is in charge of nothing. */
const NO_AGENCY = -1

/** Links that wait for a decision, who waits longest first: of an agent's own agency, of all for an administrator. */
export async function listWaiting(
  ctx: Ctx,
  page: { limit?: number; cursor?: string },
): Promise<Static<typeof StaffLinkPage>> {
  const { limit = 20, cursor } = page
  const [after] = cursor === undefined ? [] : decodeCursor(cursor, UUID)
  const scope = ctx.caller.role === 'admin' ? 'all' : (ctx.caller.agencyId ?? NO_AGENCY)
  return ctx.db.tx(async tx => {
    const rows = await waitingLinks(tx, scope, after ?? null, limit + 1)
    const items = rows.slice(0, limit).map(staffView)
    await record(tx, ctx, {
      action: 'meter-link.list',
      detail: { status: 'pending', customers: [...new Set(items.map(item => item.customer.id))] },
    })
    const last = items.at(-1)
    return { items, nextCursor: rows.length > limit && last ? encodeCursor(last.id) : null }
  })
}
