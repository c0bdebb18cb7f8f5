import { type Answer, once } from '../../http/index.ts'
import { newId } from '../../lib/id.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { record } from '../audit/index.ts'
import { countAudience, refuseUnknownVariables } from '../notifications/index.ts'
import { resolveAudience } from './audience.ts'
import type { BroadcastBody } from './schema.ts'
import { databaseNow, insertBroadcast } from './sql.ts'
import { start } from './start.ts'

const DEFAULT_LIFE = 86_400
const DAY = 86_400_000
/** What a clock of a member of staff may be behind ours; ms. */
const LATE = 60_000

/**
 * Accepts a broadcast. It starts at once, or at its time; one to more devices than `BROADCAST_APPROVAL_ABOVE` first waits
 * for an administrator other than its author. Once per idempotency key, which staff must give.
 */
export async function create(
  ctx: Ctx,
  idempotencyKey: string | undefined,
  input: BroadcastBody,
): Promise<Answer> {
  if (idempotencyKey === undefined) throw new Problem('idempotency_key_required')
  refuseUnknownVariables(input.content)
  const { caller, clock } = ctx
  const request = {
    callerId: caller.id,
    route: 'POST /v1/admin/broadcasts',
    key: idempotencyKey,
    body: input,
  }
  return once(ctx.db, request, async tx => {
    const now = clock.now()
    const { content, priority = 'normal', ratePerSecond = null, respectQuietHours = true } = input
    const scheduledAt = timeOf(input.scheduledAt, now)
    const audience = await resolveAudience(tx, caller, input.audience)
    const reach = await countAudience(tx, audience, await databaseNow(tx))
    const id = newId(now)
    const needsApproval = reach.devices > ctx.config.broadcastApprovalAbove
    const state = needsApproval ? 'awaiting-approval' : scheduledAt ? 'scheduled' : 'running'
    await insertBroadcast(tx, {
      id,
      state,
      audience,
      content,
      priority,
      rateLimit: ratePerSecond,
      respectQuietHours,
      scheduledAt,
      expiresAt: new Date((scheduledAt?.getTime() ?? now) + (input.expiresIn ?? DEFAULT_LIFE) * 1_000),
      createdBy: caller.id,
      agencyId: caller.agencyId,
      ...reach,
    })
    if (state === 'running') await start(tx, ctx, { id, audience, priority }, ctx.requestId)
    await record(tx, ctx, {
      action: 'broadcast.create',
      objectKind: 'broadcast',
      objectId: id,
      detail: { audience: input.audience, priority, state, scheduledAt, ...reach },
    })
    return { status: 202, body: { id, state } }
  })
}

/** When it is to start; null for at once. */
function timeOf(text: string | undefined, now: number): Date | null {
  if (text === undefined) return null
  const at = new Date(text)
  // A leap second is a time to the schema, and none to JavaScript.
  const inMs = at.getTime() - now
  if (!(inMs >= -LATE && inMs <= 90 * DAY)) {
    throw new Problem('invalid', {
      errors: [{ field: 'scheduledAt', message: 'must be in the future, within 90 days' }],
    })
  }
  return inMs > 0 ? at : null
}
