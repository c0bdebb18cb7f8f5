import type { Static } from 'typebox'
import { decodeCursor, encodeCursor, UUID } from '../../lib/cursor.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import type { GuestPage } from './schema.ts'
import { type LinkRow, linkOf } from './sql.ts'
import { guestsOf } from './sql-decisions.ts'
import { guestView } from './view.ts'

/** Who follows the owner's meter or asks to, newest first. `not_found` for a link of another, `forbidden` for a guest. */
export async function listGuests(
  ctx: Ctx,
  linkId: string,
  page: { limit?: number; cursor?: string },
): Promise<Static<typeof GuestPage>> {
  const { limit = 20, cursor } = page
  const [after] = cursor === undefined ? [] : decodeCursor(cursor, UUID)
  const { meter_id } = await ownLink(ctx, linkId)
  const rows = await guestsOf(ctx.db, meter_id, after ?? null, limit + 1)
  const items = rows.slice(0, limit).map(guestView)
  const last = items.at(-1)
  return { items, nextCursor: rows.length > limit && last ? encodeCursor(last.id) : null }
}

/** The customer's link as the meter's owner. */
export async function ownLink(ctx: Pick<Ctx, 'db' | 'caller'>, linkId: string): Promise<LinkRow> {
  const row = await linkOf(ctx.db, ctx.caller.id, linkId)
  if (!row) throw new Problem('not_found')
  if (row.role !== 'owner' || row.status !== 'active') throw new Problem('forbidden')
  return row
}
