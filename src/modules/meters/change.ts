import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { linksChanged } from './notices.ts'
import type { LinkChange, MeterLink } from './schema.ts'
import * as sql from './sql.ts'
import { linkView } from './view.ts'

/** Names a link, or makes it the default one; `conflict` for a default that is not active. */
export async function changeLink(ctx: Ctx, linkId: string, change: LinkChange): Promise<MeterLink> {
  const me = ctx.caller.id
  return ctx.db.tx(async tx => {
    const row = await holdOpenLink(tx, me, linkId)
    if (change.default && row.status !== 'active') {
      throw new Problem('conflict', {
        detail: {
          fr: 'Ce rattachement n’est pas encore accepté.',
          en: 'This link has not been accepted yet.',
        },
      })
    }
    if (change.label !== undefined) await sql.setLabel(tx, linkId, change.label?.trim() ?? null)
    if (change.default) await sql.makeDefault(tx, me, linkId)
    linksChanged(tx, ctx, [me])
    return linkView({
      ...row,
      is_default: row.is_default || change.default === true,
      label: change.label === undefined ? row.label : (change.label?.trim() ?? null),
    })
  })
}

/** The customer gives a link up; another becomes the default one. Their guests stay. */
export async function removeLink(ctx: Ctx, linkId: string): Promise<void> {
  const me = ctx.caller.id
  await ctx.db.tx(async tx => {
    await holdOpenLink(tx, me, linkId)
    await sql.settle(tx, linkId, 'revoked', me, new Date(ctx.clock.now()))
    await sql.settleDefault(tx, me)
    linksChanged(tx, ctx, [me])
  })
}

/** An open link of the customer with its meter and account held; `not_found` when there is none. */
async function holdOpenLink(tx: Parameters<typeof sql.linkOf>[0], me: string, linkId: string) {
  // Looked at first, so that a stranger holds nothing.
  if (!(await sql.linkOf(tx, me, linkId))) throw new Problem('not_found')
  await sql.holdMeterOf(tx, linkId)
  await sql.holdCustomers(tx, [me])
  const row = await sql.linkOf(tx, me, linkId)
  if (row?.status !== 'pending' && row?.status !== 'active') throw new Problem('not_found')
  return row
}
