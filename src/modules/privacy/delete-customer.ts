import { Problem } from '../../lib/problems.ts'
import type { Services } from '../../services.ts'
import { announceRevoked } from '../accounts/index.ts'
import { type Actor, recordAs } from '../audit/index.ts'
import { deletionsSince, forgetDeletions, KEPT_MS, noteDeletion } from './journal.ts'
import { customerOfPhone, eraseCustomers, sessionsOf } from './sql.ts'

type Given = Pick<Services, 'db' | 'storage' | 'fanout' | 'clock' | 'log'>

export const findCustomerId = customerOfPhone

/**
 * Deletes a customer as they asked: everything of theirs goes, their sessions end everywhere, and the audit keeps that
 * it was done and nothing of the person. It is written down outside of the database first, so that restoring an older
 * copy does not bring them back. `Problem('not_found')` for who is no customer, `unavailable` while the storage is away.
 */
export async function deleteCustomer(services: Given, actor: Actor, customerId: string): Promise<void> {
  const { db, storage, clock } = services
  const key = await noteDeletion(storage, customerId, clock.now())
  try {
    const gone = await erase(services, actor, [customerId], 'customer.delete')
    if (gone.length === 0) throw new Problem('not_found')
  } catch (error) {
    // Nothing was deleted: nothing is to be done again. An entry that stays behind is of a deletion that was asked for.
    const [left] = await db.query('select 1 from accounts where id = $1', [customerId]).catch(() => [])
    if (left) await storage.delete(key).catch(() => undefined)
    throw error
  }
}

/** Does again, in a database that was restored, every deletion that was written down; returns how many were needed. */
export async function replayDeletions(services: Given, actor: Actor): Promise<number> {
  let count = 0
  const from = services.clock.now() - KEPT_MS
  for await (const ids of deletionsSince(services.storage, from)) {
    count += (await erase(services, actor, ids, 'customer.delete_again')).length
  }
  return count
}

/** For the scheduler, now and then: what no backup that is kept could bring back needs no entry. */
export const forgetOldDeletions = ({ storage, clock }: Given): Promise<number> =>
  forgetDeletions(storage, clock.now() - KEPT_MS)

const erase = (services: Given, actor: Actor, ids: readonly string[], action: string): Promise<string[]> =>
  services.db.tx(async tx => {
    const sessions = await sessionsOf(tx, ids)
    const gone = await eraseCustomers(tx, ids)
    const acts = gone.map(id => ({ action, objectKind: 'customer', objectId: id, customerId: id }))
    await recordAs(tx, actor, acts)
    if (sessions.length > 0) tx.afterCommit(() => announceRevoked(services, sessions))
    return gone
  })
