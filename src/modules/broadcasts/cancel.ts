import type { Ctx } from '../../services.ts'
import { cancelBroadcast, settleBroadcast } from '../notifications/index.ts'
import type { Broadcast } from './schema.ts'
import { transition } from './transition.ts'

/**
 * Cancels a broadcast that is not over: nothing more is sent after a second or two. Cancelling again changes nothing;
 * `Problem('conflict')` when it is done. Where it is in the inboxes, it stays there.
 */
export const cancel = (ctx: Ctx, id: string): Promise<Broadcast> =>
  transition(ctx, id, {
    action: 'broadcast.cancel',
    to: 'cancelled',
    act: tx => cancelBroadcast(tx, ctx, id),
    afterwards: () => settleBroadcast(ctx, id),
  })
