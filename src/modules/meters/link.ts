import { isUniqueViolation, type Tx } from '../../db/index.ts'
import { type Answer, type Once, once } from '../../http/index.ts'
import { newId } from '../../lib/id.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { lookUp, type MeterOnFile } from './lookup.ts'
import * as notices from './notices.ts'
import { linksChanged, tell } from './notices.ts'
import { looksMistyped, normalNumber } from './number.ts'
import type { MeterKind, NewMeterLink } from './schema.ts'
import * as sql from './sql.ts'
import { linkView } from './view.ts'

const DAY_MS = 86_400_000
/** Rule of the product: who was refused asks again after 30 days at the earliest. */
export const REFUSED_MS = 30 * DAY_MS
const ATTEMPTS_A_DAY = 10
/** Questions to SIC that one customer may cause: what protects it while failures do not count as attempts. */
const QUESTIONS = { limit: 20, windowMs: 600_000 }
const MOST_LINKS = 100

export interface LinkInput {
  kind: MeterKind
  number: string
  idempotencyKey?: string | undefined
}

/**
 * Ties the customer to a meter: as its owner when the phone on file is theirs, else as a guest who waits for the owner.
 * `meter_unknown`, `already_linked`, `link_refused` for 30 days after a refusal, `rate_limited` after ten attempts in a
 * day; `Unavailable` when SIC does not answer, and that attempt does not count.
 */
export async function linkMeter(ctx: Ctx, input: LinkInput): Promise<NewMeterLink> {
  const { kind } = input
  const number = normalNumber(kind, input.number)
  const request: Once = {
    callerId: ctx.caller.id,
    route: 'POST /v1/meters',
    key: input.idempotencyKey,
    body: { kind, number: input.number },
  }
  const before = await answeredBefore(ctx, request)
  if (before) return before.body as NewMeterLink

  // SIC is asked before the transaction: a connection to the database does not wait for it.
  await allow(ctx, `meter-questions:${ctx.caller.id}`, QUESTIONS.limit, QUESTIONS.windowMs)
  const meter = await lookUp(ctx, kind, number)
  await allow(ctx, `meter-attempts:${ctx.caller.id}`, ATTEMPTS_A_DAY, DAY_MS)
  if (!meter) throw unknownMeter(kind, number)

  const { body } = await once(ctx.db, request, async tx => ({
    status: 201,
    body: await tie(tx, ctx, meter),
  })).catch(error => Promise.reject(asOurs(error)))
  return body as NewMeterLink
}

async function tie(tx: Tx, ctx: Ctx, meter: MeterOnFile): Promise<NewMeterLink> {
  const me = ctx.caller.id
  const now = ctx.clock.now()
  const at = new Date(now)
  const { id: meterId } = await sql.keepMeter(tx, newId(now), meter, at)
  const found = await sql.situationOf(tx, me, meterId)
  if (!found) throw new Problem('session_ended')
  const isOwner = meter.holderPhone !== null && meter.holderPhone === found.phone
  refuseUnlessNew(found, isOwner, now)

  // The phone on file is another's now: whoever owned the meter before no longer does.
  const former = isOwner ? found.owner : null
  await sql.holdCustomers(tx, former ? [me, former.customerId] : [me])
  const moved = await sql.moveLinks(tx, meterId, meter.agencyId)
  if (former) {
    await sql.settle(tx, former.linkId, 'revoked', me, at)
    await sql.settleDefault(tx, former.customerId)
  }
  const linkId = found.mine?.id ?? newId(now)
  if (found.mine) await sql.makeOwner(tx, linkId, at)
  else {
    await sql.insertLink(tx, {
      id: linkId,
      customerId: me,
      meterId,
      agencyId: meter.agencyId,
      ...(isOwner ? { role: 'owner', status: 'active' } : { role: 'guest', status: 'pending' }),
      at,
    })
  }
  await sql.settleDefault(tx, me)

  const told = isOwner
    ? await tellAsOwner(tx, ctx, meter.number, { me, linkId, former, waiting: found.waiting })
    : await tellOfGuest(tx, ctx, meter.number, found)
  linksChanged(tx, ctx, [me, ...moved, ...told])
  const row = await sql.linkOf(tx, me, linkId)
  if (!row) throw new Error(`link ${linkId} was made and cannot be read`)
  return { ...linkView(row), ...(looksMistyped(meter.kind, meter.number) ? { warning: 'check_digit' } : {}) }
}

function refuseUnlessNew(found: sql.Situation, isOwner: boolean, now: number): void {
  // A guest whose phone has come on file becomes the owner by asking again.
  if (found.mine && !(isOwner && found.mine.role === 'guest')) throw new Problem('already_linked')
  const again = found.refused_at ? found.refused_at.getTime() + REFUSED_MS : 0
  if (!isOwner && now < again) throw refusedUntil(new Date(again))
  if (!found.mine && found.open_links >= MOST_LINKS) {
    throw new Problem('conflict', {
      detail: {
        fr: `Un compte suit au plus ${MOST_LINKS} compteurs : retirez-en un d’abord.`,
        en: `An account follows at most ${MOST_LINKS} meters: remove one first.`,
      },
    })
  }
}

/** Tells a new owner who waits for them, and the former one that they lost the meter. Returns whom it told of a change. */
async function tellAsOwner(
  tx: Tx,
  ctx: Ctx,
  number: string,
  of: { me: string; linkId: string; former: sql.Situation['owner']; waiting: number },
): Promise<string[]> {
  const { me, linkId, former, waiting } = of
  if (waiting > 0) {
    await tell(tx, ctx, { customerId: me, linkId }, notices.requestsWait(waiting, number))
  }
  if (!former) return []
  await tell(tx, ctx, { customerId: former.customerId, linkId: null }, notices.takenOver(number))
  return [former.customerId]
}

/** Tells the owner, or else the account of the phone on file, who asks for access. */
async function tellOfGuest(tx: Tx, ctx: Ctx, number: string, found: sql.Situation): Promise<string[]> {
  const { owner, holder_id: holder } = found
  const to = owner ?? (holder === null ? null : { customerId: holder, linkId: null })
  if (!to) return []
  const name = `${found.first_name} ${found.last_name}`
  await tell(tx, ctx, to, notices.accessAsked(name, number, owner !== null))
  return [to.customerId]
}

/** The answer kept for this key, without doing anything; null when the request is new. */
async function answeredBefore(ctx: Ctx, request: Once): Promise<Answer | null> {
  if (request.key === undefined) return null
  const isNew = new Error('a new request')
  return once(ctx.db, request, () => Promise.reject(isNew)).catch((error: unknown) => {
    if (error === isNew) return null
    throw error
  })
}

async function allow(ctx: Ctx, key: string, limit: number, windowMs: number): Promise<void> {
  const allowance = await ctx.limiter.take(key, limit, windowMs)
  if (!allowance.ok) throw new Problem('rate_limited', { retryAfter: allowance.retryAfterMs / 1_000 })
}

function unknownMeter(kind: MeterKind, number: string): Problem {
  if (!looksMistyped(kind, number)) return new Problem('meter_unknown')
  return new Problem('meter_unknown', {
    detail: {
      fr: 'Vérifiez le numéro : le dernier chiffre ne correspond pas aux autres.',
      en: 'Check the number: its last digit does not fit the others.',
    },
  })
}

const refusedUntil = (again: Date): Problem =>
  new Problem('link_refused', {
    detail: {
      fr: `Vous pourrez redemander à partir du ${notices.frenchDay(again)}.`,
      en: `You may ask again from ${notices.isoDay(again)}.`,
    },
  })

/** What the indexes refuse, should another writer come between, as the client may understand it. */
function asOurs(error: unknown): unknown {
  if (isUniqueViolation(error, 'meter_links_once')) return new Problem('already_linked', { cause: error })
  if (
    isUniqueViolation(error, 'meter_links_one_owner') ||
    isUniqueViolation(error, 'meter_links_one_default')
  ) {
    return new Problem('request_in_progress', { cause: error, retryAfter: 1 })
  }
  return error
}
