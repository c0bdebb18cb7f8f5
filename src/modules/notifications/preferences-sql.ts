import type { Queryable } from '../../db/index.ts'
import type { QuietHours } from './quiet-hours.ts'

/** What a customer chose; undefined when they never did. */
export async function selectPreferences(
  db: Queryable,
  customerId: string,
): Promise<{ muted: string[]; quiet: QuietHours | null } | undefined> {
  const [row] = await db.query<{ muted: string[]; from: number | null; to: number | null }>(
    'select muted, quiet_from "from", quiet_to "to" from preferences where customer_id = $1',
    [customerId],
  )
  if (!row) return undefined
  const { muted, from, to } = row
  return { muted, quiet: from === null || to === null ? null : { from, to } }
}

export async function upsertPreferences(
  db: Queryable,
  customerId: string,
  muted: readonly string[],
  quiet: QuietHours | null,
  at: Date,
): Promise<void> {
  await db.query(
    `insert into preferences (customer_id, muted, quiet_from, quiet_to, updated_at)
     select id, $2, $3, $4, $5 from accounts where id = $1
     on conflict (customer_id) do update set muted = excluded.muted, quiet_from = excluded.quiet_from,
       quiet_to = excluded.quiet_to, updated_at = excluded.updated_at`,
    [customerId, muted, quiet?.from ?? null, quiet?.to ?? null, at],
  )
}

/** Who wants what everybody gets has no row. */
export async function deletePreferences(db: Queryable, customerId: string): Promise<void> {
  await db.query('delete from preferences where customer_id = $1', [customerId])
}
