import type { Database, Queryable } from '../db/index.ts'

export interface Restoration {
  id: number
  foundAt: Date
  deletions: number | null
  openedAt: Date | null
  confirmedAt: Date | null
  confirmedBy: string | null
}

const COLUMNS = `id, found_at "foundAt", deletions, opened_at "openedAt", confirmed_at "confirmedAt", confirmed_by "confirmedBy"`

export async function isOpen(db: Queryable): Promise<boolean> {
  const [row] = await db.query<{ open: boolean | null }>('select delivery_is_open() open')
  return row?.open === true
}

/** Makes the database look restored to itself: a copy that was read into the same tables cannot be told otherwise. */
export const forgetIdentity = async (db: Queryable): Promise<void> => {
  await db.query('update site set identity = null')
}

/** The latest one, if there ever was one. */
export async function lastRestoration(db: Queryable): Promise<Restoration | undefined> {
  const [row] = await db.query<Restoration>(`select ${COLUMNS} from restorations order by id desc limit 1`)
  return row
}

/**
 * The restoration that is being dealt with, begun by the first who asks: broadcasts under way are paused, those that
 * wait for their time wait for an approval, and texts that may have been sent since the copy are sent no more. Undefined
 * when delivery is open.
 */
export async function beginRestoration(db: Database): Promise<number | undefined> {
  // Asked every second: nothing is locked for the answer that it nearly always gets.
  if (await isOpen(db)) return undefined
  return db.tx(async tx => {
    await tx.query('select from site for update')
    if (await isOpen(tx)) return undefined
    const [known] = await tx.query<{ id: number }>(
      'select id from restorations where identity = database_identity() and opened_at is null',
    )
    if (known) return known.id
    const [begun] = await tx.query<{ id: number }>(
      'insert into restorations (identity) values (database_identity()) returning id',
    )
    const id = (begun as { id: number }).id
    await tx.query(
      `with held as (
         insert into restored_broadcasts (broadcast_id, restoration_id, was)
         select id, $1, state from broadcasts where state in ('running', 'scheduled') and finished_at is null
         on conflict (broadcast_id) do update set restoration_id = excluded.restoration_id, was = excluded.was
         returning broadcast_id, was
       )
       update broadcasts b set state = case held.was when 'running' then 'paused' else 'awaiting-approval' end
       from held where held.broadcast_id = b.id`,
      [id],
    )
    await tx.query(
      `update sms_messages set state = 'ambiguous', sealed_text = null, updated_at = now(),
         reason = 'the database was restored: it may have been sent'
       where state in ('pending', 'sending')`,
    )
    return id
  })
}

/** Opens delivery of single messages again. */
export const openDelivery = (db: Database, id: number, deletions: number): Promise<void> =>
  db.tx(async tx => {
    await tx.query('update restorations set deletions = $2, opened_at = now() where id = $1', [id, deletions])
    await tx.query('update site set identity = database_identity()')
  })

export interface HeldBroadcast {
  id: string
  was: 'running' | 'scheduled'
  title: string
  devices: number
}

/** Broadcasts that still wait for the confirmation, oldest first; those that staff decided about meanwhile do not. */
export const heldBroadcasts = (db: Queryable, lock = false): Promise<HeldBroadcast[]> =>
  db.query(
    `select b.id, r.was, b.content -> 'fr' ->> 'title' title, b.devices
     from restored_broadcasts r join broadcasts b on b.id = r.broadcast_id
     where b.finished_at is null and b.state = case r.was when 'running' then 'paused' else 'awaiting-approval' end
     order by b.id ${lock ? 'for update of b' : ''}`,
  )

export async function markConfirmed(tx: Queryable, by: string): Promise<void> {
  await tx.query('delete from restored_broadcasts')
  await tx.query(
    'update restorations set confirmed_at = now(), confirmed_by = $1 where confirmed_at is null and opened_at is not null',
    [by],
  )
}

/** Back to waiting for its time. */
export const reschedule = (tx: Queryable, id: string): Promise<unknown> =>
  tx.query("update broadcasts set state = 'scheduled' where id = $1 and state = 'awaiting-approval'", [id])
