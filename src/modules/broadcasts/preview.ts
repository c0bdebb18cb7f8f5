import type { Static } from 'typebox'
import type { Ctx } from '../../services.ts'
import { record } from '../audit/index.ts'
import { countAudience, countWishes } from '../notifications/index.ts'
import { resolveAudience } from './audience.ts'
import type { Reach, WantedAudience } from './schema.ts'
import { databaseNow } from './sql.ts'

/** How many people and devices a broadcast would reach now, and what their wishes mean for it. */
export async function preview(ctx: Ctx, wanted: WantedAudience): Promise<Static<typeof Reach>> {
  const audience = await resolveAudience(ctx.db, ctx.caller, wanted)
  const at = await databaseNow(ctx.db)
  const reach = await countAudience(ctx.db, audience, at)
  const wishes = await countWishes(ctx.db, audience, 'announcement', at, ctx.clock.now())
  await record(ctx.db, ctx, { action: 'broadcast.preview', detail: { audience: wanted, ...reach } })
  return { ...reach, ...wishes, needsApproval: reach.devices > ctx.config.broadcastApprovalAbove }
}
