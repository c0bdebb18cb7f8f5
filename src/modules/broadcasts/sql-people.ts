import type { Queryable } from '../../db/index.ts'

/** How many of these agencies exist. */
export async function selectAgencies(db: Queryable, ids: readonly number[]): Promise<number> {
  const rows = await db.query('select 1 from agencies where id = any($1::integer[])', [ids])
  return rows.length
}

/** Meters of a number, at whatever point of connection; of one agency, or of all for null. */
export async function selectMeters(
  db: Queryable,
  number: string,
  account: string,
  agencyId: number | null,
): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `select id from meters where (kind, number) in (('prepaid', $1), ('postpaid', $2))
       and ($3::integer is null or agency_id = $3) limit 1000`,
    [number, account, agencyId],
  )
  return rows.map(row => row.id)
}

/** How many of these are customers; for an agency, those with an active link there. */
export async function selectCustomers(
  db: Queryable,
  ids: readonly string[],
  agencyId: number | null,
): Promise<number> {
  const rows = await db.query(
    `select 1 from accounts a where id = any($1::uuid[]) and role = 'customer' and ($2::integer is null or exists (
       select from meter_links l where l.customer_id = a.id and l.agency_id = $2 and l.status = 'active'))`,
    [ids, agencyId],
  )
  return rows.length
}

/** Customers by id or phone, for those who may see them; for an agency, those with an active link there. */
export async function selectRecipients(
  db: Queryable,
  ids: readonly string[],
  phones: readonly string[],
  agencyId: number | null,
): Promise<{ id: string; firstName: string; lastName: string }[]> {
  return db.query(
    `select id, first_name "firstName", last_name "lastName" from accounts a
     where (id = any($1::uuid[]) or phone = any($2::text[])) and role = 'customer' and ($3::integer is null or exists (
       select from meter_links l where l.customer_id = a.id and l.agency_id = $3 and l.status = 'active'))`,
    [ids, phones, agencyId],
  )
}
