import { recordAs } from '../modules/audit/index.ts'
import { resumeBroadcasts } from '../modules/broadcasts/index.ts'
import { replayDeletions } from '../modules/privacy/index.ts'
import type { Services } from '../services.ts'
import {
  beginRestoration,
  forgetIdentity,
  type HeldBroadcast,
  heldBroadcasts,
  isOpen,
  lastRestoration,
  markConfirmed,
  openDelivery,
  type Restoration,
  reschedule,
} from './restoration-sql.ts'

const REQUEST = 'restoration'

export interface RestorationState {
  /** Whether single messages go out. */
  open: boolean
  last: Restoration | undefined
  /** Broadcasts of the restored copy that wait for the confirmation. */
  held: HeldBroadcast[]
}

/**
 * Sees to a database that was restored, and does nothing in any other: what was on its way to many is held, deletions
 * asked for since are done again, then single messages go out. While the file storage is away, where the deletions are
 * written down, it rejects and nothing is sent. Returns how many deletions, undefined when there was nothing to do.
 * Several may call it at once.
 */
export async function settleRestoration(services: Services): Promise<number | undefined> {
  const id = await beginRestoration(services.db)
  if (id === undefined) return undefined
  services.log.error({ event: 'database_restored', alert: true, restoration: id })
  const deletions = await replayDeletions(services, { id: null, role: 'restoration', requestId: REQUEST })
  await openDelivery(services.db, id, deletions)
  services.log.warn({ event: 'delivery_open_again', restoration: id, deletions })
  return deletions
}

/** As `settleRestoration` for a copy that cannot be told from the database that it replaces; for the restore script. */
export async function declareRestored(services: Services): Promise<number> {
  if (await isOpen(services.db)) await forgetIdentity(services.db)
  return (await settleRestoration(services)) ?? 0
}

/** Whether messages may go out, and what waits for a person. */
export async function restorationState({ db }: Pick<Services, 'db'>): Promise<RestorationState> {
  const [open, last, held] = [await isOpen(db), await lastRestoration(db), await heldBroadcasts(db)]
  return { open, last, held }
}

/**
 * An operator lets the broadcasts of the restored copy go on where they were in it; returns them. Devices that were
 * reached between the copy and the restoration get the same message again under the same id, which replaces it.
 */
export async function confirmBroadcasts(services: Services, by: string): Promise<HeldBroadcast[]> {
  return services.db.tx(async tx => {
    const held = await heldBroadcasts(tx, true)
    await resumeBroadcasts(
      tx,
      services,
      held.filter(({ was }) => was === 'running').map(({ id }) => id),
    )
    for (const { id } of held.filter(({ was }) => was === 'scheduled')) await reschedule(tx, id)
    await markConfirmed(tx, by)
    const acts = held.map(({ id, was }) => ({
      action: 'broadcast.confirm',
      objectKind: 'broadcast',
      objectId: id,
      detail: { was, by },
    }))
    await recordAs(tx, { id: null, role: 'operator', requestId: REQUEST }, acts)
    return held
  })
}
