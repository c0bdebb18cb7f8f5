import type { Queryable } from '../../db/index.ts'
import type { MeterOnFile } from './lookup.ts'
import type { LinkRole, LinkStatus, MeterKind } from './schema.ts'

/*
 * Whoever changes links of a meter holds its row first, then the accounts concerned in order of their ids: so no two
 * decisions cross, and none waits for another in a circle.
 */

/** A link with its meter and agency. */
export interface LinkRow {
  id: string
  customer_id: string
  meter_id: string
  kind: MeterKind
  number: string
  poc: string
  role: LinkRole
  status: LinkStatus
  is_default: boolean
  label: string | null
  requested_at: Date
  agency_id: number | null
  agency_name: string | null
  tariff: string | null
  address: string | null
}

const LINK = `
  select l.id, l.customer_id, l.meter_id, m.kind, m.number, m.poc, l.role, l.status, l.is_default, l.label,
    l.requested_at, m.agency_id, a.name agency_name, m.tariff, m.address
  from meter_links l join meters m on m.id = l.meter_id left join agencies a on a.id = m.agency_id`

/** A link of the customer, except one that they gave up themselves. */
export async function linkOf(db: Queryable, customerId: string, linkId: string): Promise<LinkRow | null> {
  const [row] = await db.query<LinkRow>(
    `${LINK} where l.id = $1 and l.customer_id = $2 and not (l.status = 'revoked' and l.decided_by = $2)`,
    [linkId, customerId],
  )
  return row ?? null
}

/** The customer's links that are open, oldest first. */
export const openLinksOf = (
  db: Queryable,
  customerId: string,
  after: string | null,
  limit: number,
): Promise<LinkRow[]> =>
  db.query<LinkRow>(
    `${LINK} where l.customer_id = $1 and l.status in ('pending', 'active') and ($2::uuid is null or l.id > $2)
     order by l.id limit $3`,
    [customerId, after, limit],
  )

/** Keeps what SIC says of a meter, and holds its row until the transaction ends. */
export async function keepMeter(
  tx: Queryable,
  newId: string,
  meter: MeterOnFile,
  at: Date,
): Promise<{ id: string }> {
  const [row] = await tx.query<{ id: string }>(
    `insert into meters (id, kind, number, poc, agency_id, tariff, address, holder_phone, holder_name, partner_number, looked_up_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     on conflict (kind, number, poc) do update set agency_id = excluded.agency_id, tariff = excluded.tariff,
       address = excluded.address, holder_phone = excluded.holder_phone, holder_name = excluded.holder_name,
       partner_number = excluded.partner_number, looked_up_at = excluded.looked_up_at
     returning id`,
    [
      newId,
      meter.kind,
      meter.number,
      meter.poc,
      meter.agencyId,
      meter.tariff,
      meter.address,
      meter.holderPhone,
      meter.holderName,
      meter.partnerNumber,
      at,
    ],
  )
  return row as { id: string }
}

/** The agency of a meter is repeated on its open links. Returns the customers whose links moved to another. */
export async function moveLinks(tx: Queryable, meterId: string, agencyId: number | null): Promise<string[]> {
  const rows = await tx.query<{ customer_id: string }>(
    `update meter_links set agency_id = $2
     where meter_id = $1 and status in ('pending', 'active') and agency_id is distinct from $2 returning customer_id`,
    [meterId, agencyId],
  )
  return rows.map(row => row.customer_id)
}

/** Holds the row of the meter that a link is to; its id, or null when there is no such link. */
export async function holdMeterOf(tx: Queryable, linkId: string): Promise<string | null> {
  const [row] = await tx.query<{ id: string }>(
    'select m.id from meters m join meter_links l on l.meter_id = m.id where l.id = $1 for no key update of m',
    [linkId],
  )
  return row?.id ?? null
}

/** Holds the rows of accounts, so that no two changes touch their links at once. */
export const holdCustomers = (tx: Queryable, ids: readonly string[]): Promise<unknown[]> =>
  tx.query('select 1 from accounts where id = any($1) order by id for no key update', [ids])

/** What a request to link a meter meets. */
export interface Situation {
  phone: string
  first_name: string
  last_name: string
  open_links: number
  mine: { id: string; role: LinkRole; status: LinkStatus } | null
  refused_at: Date | null
  owner: { linkId: string; customerId: string } | null
  /** The account of the phone on file. */
  holder_id: string | null
  /** Guests who wait for a decision, without the one who asks. */
  waiting: number
}

export async function situationOf(
  tx: Queryable,
  customerId: string,
  meterId: string,
): Promise<Situation | null> {
  const [row] = await tx.query<Situation>(
    `select me.phone, me.first_name, me.last_name, mine.mine, owner.owner, holder.id holder_id,
       (select count(*) from meter_links where customer_id = $1 and status in ('pending', 'active')) open_links,
       (select max(decided_at) from meter_links where customer_id = $1 and meter_id = $2 and status = 'rejected') refused_at,
       (select count(*) from meter_links where meter_id = $2 and status = 'pending' and customer_id <> $1) waiting
     from accounts me join meters m on m.id = $2
     left join lateral (
       select jsonb_build_object('id', id, 'role', role, 'status', status) mine from meter_links
       where customer_id = $1 and meter_id = $2 and status in ('pending', 'active')) mine on true
     left join lateral (
       select jsonb_build_object('linkId', id, 'customerId', customer_id) owner from meter_links
       where meter_id = $2 and role = 'owner' and status = 'active') owner on true
     left join accounts holder on holder.phone = m.holder_phone and holder.disabled_at is null
     where me.id = $1`,
    [customerId, meterId],
  )
  return row ?? null
}

export interface NewLink {
  id: string
  customerId: string
  meterId: string
  agencyId: number | null
  role: LinkRole
  status: 'pending' | 'active'
  at: Date
}

export const insertLink = (tx: Queryable, link: NewLink): Promise<unknown[]> =>
  tx.query(
    `insert into meter_links (id, customer_id, meter_id, agency_id, role, status, requested_at, activated_at)
     values ($1, $2, $3, $4, $5, $6::text, $7::timestamptz, case when $6 = 'active' then $7 end)`,
    [link.id, link.customerId, link.meterId, link.agencyId, link.role, link.status, link.at],
  )

/** A guest, waiting or let in, turns out to be the holder. */
export const makeOwner = (tx: Queryable, linkId: string, at: Date): Promise<unknown[]> =>
  tx.query(
    `update meter_links set role = 'owner', status = 'active', activated_at = coalesce(activated_at, $2) where id = $1`,
    [linkId, at],
  )

/** Moves a link to a status, with who decided and when. */
export const settle = (
  tx: Queryable,
  linkId: string,
  status: Exclude<LinkStatus, 'pending'>,
  by: string,
  at: Date,
): Promise<unknown[]> =>
  tx.query(
    `update meter_links set status = $2::text, decided_by = $3, decided_at = $4::timestamptz,
       activated_at = case when $2 = 'active' then $4 else activated_at end,
       ended_at = case when $2 = 'revoked' then $4 end
     where id = $1`,
    [linkId, status, by, at],
  )

const BEST = `
  select id from meter_links where customer_id = $1 and status in ('pending', 'active')
  order by status = 'active' desc, is_default desc, requested_at, id limit 1`

/**
 * Gives the customer one default link: the one they have, else the oldest; an active one before any that waits. Two
 * statements, since the index that allows only one looks at every row by itself.
 */
export async function settleDefault(tx: Queryable, customerId: string): Promise<void> {
  await tx.query(
    `update meter_links set is_default = false
     where customer_id = $1 and is_default and id is distinct from (${BEST})`,
    [customerId],
  )
  await tx.query(`update meter_links set is_default = true where id = (${BEST}) and not is_default`, [
    customerId,
  ])
}

export async function makeDefault(tx: Queryable, customerId: string, linkId: string): Promise<void> {
  await tx.query(
    'update meter_links set is_default = false where customer_id = $1 and is_default and id <> $2',
    [customerId, linkId],
  )
  await tx.query('update meter_links set is_default = true where id = $1', [linkId])
}

export const setLabel = (tx: Queryable, linkId: string, label: string | null): Promise<unknown[]> =>
  tx.query('update meter_links set label = $2 where id = $1', [linkId, label])
