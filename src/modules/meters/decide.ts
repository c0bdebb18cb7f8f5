import type { Tx } from '../../db/index.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { record } from '../audit/index.ts'
import { ownLink } from './guests.ts'
import { REFUSED_MS } from './link.ts'
import * as notices from './notices.ts'
import { linksChanged, tell } from './notices.ts'
import type { Guest, LinkStatus, StaffLink } from './schema.ts'
import { holdCustomers, holdMeterOf, settle, settleDefault } from './sql.ts'
import { type DecidableRow, linkToDecide } from './sql-decisions.ts'
import { guestView, staffView } from './view.ts'

export type Decision = 'approve' | 'reject' | 'revoke'

const STEPS = {
  approve: { from: 'pending', to: 'active' },
  reject: { from: 'pending', to: 'rejected' },
  revoke: { from: 'active', to: 'revoked' },
} as const satisfies Record<Decision, { from: LinkStatus; to: LinkStatus }>

/** The owner lets a guest in, refuses, or takes access back; the guest is told. Deciding the same twice changes nothing. */
export async function decideAsOwner(
  ctx: Ctx,
  input: { linkId: string; guestLinkId: string; decision: Decision },
): Promise<Guest> {
  await ownLink(ctx, input.linkId)
  return ctx.db.tx(async tx => {
    const link = await hold(tx, input.guestLinkId)
    const isTheirs = link?.owner_link_id === input.linkId && link.owner_id === ctx.caller.id
    if (!link || !isTheirs || link.role !== 'guest') throw new Problem('not_found')
    return guestView(await carryOut(tx, ctx, link, input.decision))
  })
}

/** Staff in charge of the meter decide about a link that waits; the guest and the owner are told. */
export async function decideAsStaff(
  ctx: Ctx,
  input: { linkId: string; decision: 'approve' | 'reject' },
): Promise<StaffLink> {
  const { linkId, decision } = input
  return ctx.db.tx(async tx => {
    const link = await hold(tx, linkId)
    if (link?.role !== 'guest' || !isInCharge(ctx, link.agency_id)) throw new Problem('not_found')
    const settled = await carryOut(tx, ctx, link, decision)
    await record(tx, ctx, {
      action: `meter-link.${decision}`,
      objectKind: 'meter-link',
      objectId: linkId,
      customerId: link.customer_id,
      detail: { meterId: link.meter_id, changed: settled.status !== link.status },
    })
    return staffView(settled)
  })
}

const isInCharge = ({ caller }: Ctx, agencyId: number | null): boolean =>
  caller.role === 'admin' || (agencyId !== null && agencyId === caller.agencyId)

/** The link with its meter and customer held, so that its status stays as read. */
async function hold(tx: Tx, linkId: string): Promise<DecidableRow | null> {
  if ((await holdMeterOf(tx, linkId)) === null) return null
  const link = await linkToDecide(tx, linkId)
  if (link) await holdCustomers(tx, [link.customer_id])
  return link
}

async function carryOut(tx: Tx, ctx: Ctx, link: DecidableRow, decision: Decision): Promise<DecidableRow> {
  const { from, to } = STEPS[decision]
  if (link.status === to) return link
  if (link.status !== from) throw wrongState(link.status)
  const at = new Date(ctx.clock.now())
  await settle(tx, link.id, to, ctx.caller.id, at)
  await settleDefault(tx, link.customer_id)
  await tell(tx, ctx, { customerId: link.customer_id, linkId: link.id }, noticeOf(decision, link, at))
  const { owner_id: owner, owner_link_id: linkId } = link
  if (owner !== null && owner !== ctx.caller.id && decision === 'approve') {
    const guest = `${link.first_name} ${link.last_name}`
    await tell(tx, ctx, { customerId: owner, linkId }, notices.grantedByAgency(guest, link.number))
  }
  linksChanged(tx, ctx, owner === null ? [link.customer_id] : [link.customer_id, owner])
  return { ...link, status: to, decided_at: at }
}

function noticeOf(decision: Decision, { number }: DecidableRow, at: Date): notices.Notice {
  if (decision === 'approve') return notices.accessGranted(number)
  if (decision === 'revoke') return notices.accessWithdrawn(number)
  return notices.accessRefused(number, new Date(at.getTime() + REFUSED_MS))
}

const wrongState = (status: LinkStatus): Problem =>
  new Problem('conflict', {
    detail: { fr: `Ce rattachement est déjà « ${FRENCH[status]} ».`, en: `This link is already ${status}.` },
  })

const FRENCH: Record<LinkStatus, string> = {
  pending: 'en attente',
  active: 'actif',
  rejected: 'refusé',
  revoked: 'retiré',
}
