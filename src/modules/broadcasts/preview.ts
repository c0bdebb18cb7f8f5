import type { Static } from 'typebox'
import type { Ctx } from '../../services.ts'
import { record } from '../audit/index.ts'
import { countAudience } from '../notifications/index.ts'
import { resolveAudience } from './audience.ts'
import type { Reach, WantedAudience } from './schema.ts'
import { databaseNow } from './sql.ts'

/** How many people and devices a broadcast would reach now. */
export async function preview(ctx: Ctx, wanted: WantedAudience): Promise<Static<typeof Reach>> {
  const audience = await resolveAudience(ctx.db, ctx.caller, wanted)
  const reach = await countAudience(ctx.db, audience, await databaseNow(ctx.db))
  await record(ctx.db, ctx, { action: 'broadcast.preview', detail: { audience: wanted, ...reach } })
  return reach
}
