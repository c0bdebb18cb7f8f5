import { type Answer, once } from '../../http/index.ts'
import { newId } from '../../lib/id.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { enqueue, queueOf } from '../../tasks/index.ts'
import { record } from '../audit/index.ts'
import { countAudience, publishBroadcast, targetsOf } from '../notifications/index.ts'
import { resolveAudience } from './audience.ts'
import type { BroadcastBody } from './schema.ts'
import { databaseNow, insertBroadcast } from './sql.ts'
import { planTask } from './tasks.ts'

const DEFAULT_LIFE = 86_400

/**
 * Accepts a broadcast and starts it: it is in the inboxes at once, and on its way to the devices, whatever the size of
 * its audience. Once per idempotency key, which staff must give.
 */
export async function create(
  ctx: Ctx,
  idempotencyKey: string | undefined,
  input: BroadcastBody,
): Promise<Answer> {
  if (idempotencyKey === undefined) throw new Problem('idempotency_key_required')
  const { caller, clock, requestId } = ctx
  const request = {
    callerId: caller.id,
    route: 'POST /v1/admin/broadcasts',
    key: idempotencyKey,
    body: input,
  }
  return once(ctx.db, request, async tx => {
    const { content, priority = 'normal', expiresIn = DEFAULT_LIFE } = input
    const audience = await resolveAudience(tx, caller, input.audience)
    const startedAt = await databaseNow(tx)
    const reach = await countAudience(tx, audience, startedAt)
    const id = newId(clock.now())
    const state = 'running'
    await insertBroadcast(tx, {
      id,
      state,
      audience,
      content,
      priority,
      expiresAt: new Date(clock.now() + expiresIn * 1_000),
      createdBy: caller.id,
      agencyId: caller.agencyId,
      startedAt,
      ...reach,
    })
    await publishBroadcast(tx, ctx, { broadcastId: id, startedAt, targets: targetsOf(audience) })
    await enqueue(tx, planTask, [{ broadcastId: id }], { queue: queueOf(priority), requestId })
    tx.afterCommit(ctx.wakeRelay)
    await record(tx, ctx, {
      action: 'broadcast.create',
      objectKind: 'broadcast',
      objectId: id,
      detail: { audience: input.audience, priority, ...reach },
    })
    return { status: 202, body: { id, state } }
  })
}
