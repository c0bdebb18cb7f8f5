import type { Ctx } from '../../services.ts'
import { pauseBroadcast } from '../notifications/index.ts'
import type { Broadcast } from './schema.ts'
import { transition } from './transition.ts'

/**
 * Pauses a running broadcast: nothing more is sent after a second or two, also in the middle of a chunk, until it is
 * resumed. `Problem('conflict')` when it is not running.
 */
export const pause = (ctx: Ctx, id: string): Promise<Broadcast> =>
  transition(ctx, id, { action: 'broadcast.pause', to: 'paused', act: tx => pauseBroadcast(tx, id) })
