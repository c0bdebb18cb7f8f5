import type { Queryable } from '../../db/index.ts'

/** The id of the customer with this phone (E.164). */
export async function customerOfPhone(db: Queryable, phone: string): Promise<string | undefined> {
  const [row] = await db.query<{ id: string }>(
    "select id from accounts where phone = $1 and role = 'customer'",
    [phone],
  )
  return row?.id
}

export const sessionsOf = async (tx: Queryable, customerIds: readonly string[]): Promise<string[]> =>
  (await tx.query<{ id: string }>('select id from sessions where account_id = any($1)', [customerIds])).map(
    ({ id }) => id,
  )

/**
 * Deletes customers with all that hangs on them (devices, sessions, links, notifications, preferences by their foreign
 * keys), what was sent to their phone, and what was still to be sent. Returns the ids that were there.
 */
export async function eraseCustomers(tx: Queryable, customerIds: readonly string[]): Promise<string[]> {
  await tx.query(
    `update deliveries set state = 'done', finished_at = now(), lease_until = null, suppressed = coalesce(size, 0),
       reasons = jsonb_build_object('customer deleted', coalesce(size, 0))
     where state in ('pending', 'parked')
       and notification_id in (select id from notifications where customer_id = any($1))`,
    [customerIds],
  )
  const gone = await tx.query<{ id: string }>(
    `with gone as (delete from accounts where id = any($1) and role = 'customer' returning id, phone),
       texts as (delete from sms_messages where phone in (select phone from gone)),
       codes as (delete from sms_codes where phone in (select phone from gone))
     select id from gone`,
    [customerIds],
  )
  return gone.map(({ id }) => id)
}
