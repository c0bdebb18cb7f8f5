import type { Queryable } from '../../db/index.ts'
import type { LinkRole, LinkStatus, MeterKind } from './schema.ts'

/** A link as those who decide about it see it. */
export interface DecidableRow {
  id: string
  customer_id: string
  first_name: string
  last_name: string
  phone: string
  role: LinkRole
  status: LinkStatus
  requested_at: Date
  decided_at: Date | null
  meter_id: string
  kind: MeterKind
  number: string
  agency_id: number | null
  agency_name: string | null
  tariff: string | null
  address: string | null
  holder_name: string | null
  holder_phone: string | null
  owner_id: string | null
  owner_link_id: string | null
}

const DECIDABLE = `
  select l.id, l.customer_id, c.first_name, c.last_name, c.phone, l.role, l.status, l.requested_at, l.decided_at,
    l.meter_id, m.kind, m.number, m.agency_id, a.name agency_name, m.tariff, m.address, m.holder_name, m.holder_phone,
    o.customer_id owner_id, o.id owner_link_id
  from meter_links l join accounts c on c.id = l.customer_id join meters m on m.id = l.meter_id
    left join agencies a on a.id = m.agency_id
    left join meter_links o on o.meter_id = l.meter_id and o.role = 'owner' and o.status = 'active'`

export async function linkToDecide(db: Queryable, linkId: string): Promise<DecidableRow | null> {
  const [row] = await db.query<DecidableRow>(`${DECIDABLE} where l.id = $1`, [linkId])
  return row ?? null
}

/** Who follows a meter or asks to, newest first. */
export const guestsOf = (
  db: Queryable,
  meterId: string,
  after: string | null,
  limit: number,
): Promise<DecidableRow[]> =>
  db.query<DecidableRow>(
    `${DECIDABLE} where l.meter_id = $1 and l.role = 'guest' and l.status in ('pending', 'active')
       and ($2::uuid is null or l.id < $2)
     order by l.id desc limit $3`,
    [meterId, after, limit],
  )

/** Links that wait, of the meters of an agency or of all, who waits longest first. */
export const waitingLinks = (
  db: Queryable,
  agencyId: number | 'all',
  after: string | null,
  limit: number,
): Promise<DecidableRow[]> => {
  const page = `and ($1::uuid is null or l.id > $1) order by l.id limit $2`
  return agencyId === 'all'
    ? db.query<DecidableRow>(`${DECIDABLE} where l.status = 'pending' ${page}`, [after, limit])
    : db.query<DecidableRow>(`${DECIDABLE} where l.status = 'pending' and l.agency_id = $3 ${page}`, [
        after,
        limit,
        agencyId,
      ])
}
