import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { record } from '../audit/index.ts'
import type { ProfileChange, User } from './schema.ts'
import { userOf } from './session.ts'
import { findAccount, lockAccount, updateProfile } from './sql/accounts.ts'

export async function showProfile(ctx: Ctx): Promise<User> {
  const account = await findAccount(ctx.db, ctx.caller.id)
  if (!account) throw new Problem('session_ended')
  return userOf(account)
}

/** Changes what is given of the caller's names and language. */
export const changeProfile = (ctx: Ctx, change: ProfileChange): Promise<User> =>
  ctx.db.tx(async tx => {
    const account = await lockAccount(tx, ctx.caller.id)
    if (!account) throw new Problem('session_ended')
    const changed = {
      ...account,
      firstName: change.firstName?.trim() ?? account.firstName,
      lastName: change.lastName?.trim() ?? account.lastName,
      language: change.language ?? account.language,
    }
    await updateProfile(tx, changed, new Date(ctx.clock.now()))
    if (account.role === 'customer') {
      // Texts in their language may be kept.
      tx.afterCommit(async () => {
        await ctx.cache.bump(`customer:${account.id}`)
        // Open sockets read again who they speak to, and in which language.
        ctx.fanout.publish(`customer:${account.id}`, { type: 'links-changed' })
      })
    } else {
      const detail = { fields: Object.keys(change) }
      await record(tx, ctx, { action: 'account.update', objectKind: 'account', objectId: account.id, detail })
    }
    return userOf(changed)
  })
