import type { Static } from 'typebox'
import { decodeCursor, encodeCursor, UUID } from '../../lib/cursor.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import type { MeterKind, MeterLink, MeterLinkPage } from './schema.ts'
import { linkOf, openLinksOf } from './sql.ts'
import { linkView } from './view.ts'

/** The customer's links, those that wait among them. */
export async function listLinks(
  ctx: Ctx,
  page: { limit?: number; cursor?: string },
): Promise<Static<typeof MeterLinkPage>> {
  const { limit = 20, cursor } = page
  const [after] = cursor === undefined ? [] : decodeCursor(cursor, UUID)
  const rows = await openLinksOf(ctx.db, ctx.caller.id, after ?? null, limit + 1)
  const items = rows.slice(0, limit).map(linkView)
  const last = items.at(-1)
  return { items, nextCursor: rows.length > limit && last ? encodeCursor(last.id) : null }
}

/** One link of the customer, a refused one too; `not_found` for another's, and for one they gave up. */
export async function readLink(ctx: Ctx, linkId: string): Promise<MeterLink> {
  const row = await linkOf(ctx.db, ctx.caller.id, linkId)
  if (!row) throw new Problem('not_found')
  return linkView(row)
}

/** A meter that the customer may look into. */
export interface OpenMeter {
  meterId: string
  kind: MeterKind
  number: string
  /** Point of connection; empty for a contract account. */
  poc: string
  /** In the back office's words. */
  tariff: string | null
  link: MeterLink
}

/** The meter of the customer's active link; `not_found` for any other, those that wait among them. */
export async function openMeter(ctx: Pick<Ctx, 'db' | 'caller'>, linkId: string): Promise<OpenMeter> {
  const row = await linkOf(ctx.db, ctx.caller.id, linkId)
  if (row?.status !== 'active') throw new Problem('not_found')
  const { meter_id: meterId, kind, number, poc, tariff } = row
  return { meterId, kind, number, poc, tariff, link: linkView(row) }
}
