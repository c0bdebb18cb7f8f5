import type { Queryable } from '../../../db/index.ts'
import type { Language } from '../../../http/index.ts'

export interface CustomerRow {
  id: string
  phone: string
  firstName: string
  lastName: string
  language: Language
  disabled: boolean
  createdAt: Date
}

const CUSTOMER = `a.id, a.phone, a.first_name "firstName", a.last_name "lastName", a.language,
  a.disabled_at is not null disabled, a.created_at "createdAt"`

/** An agent sees the customers with an active link in their agency; null sees all. */
const inScope = (agency: string) => `(${agency}::int is null or exists (
  select from meter_links l where l.customer_id = a.id and l.agency_id = ${agency} and l.status = 'active'))`

/** Customers whose 'first last' or 'last first' starts with `prefix`, in the order of what matched. */
export const customersByName = (
  db: Queryable,
  page: {
    prefix: string
    after: { key: string; id: string }
    agencyId: number | null
    limit: number
  },
): Promise<(CustomerRow & { key: string })[]> => {
  // Keys hold letters, digits and spaces only: '~' comes after all of them.
  const within = (key: string) => `a.${key} collate "C" >= $1 and a.${key} collate "C" < $1 || '~'`
  const matches = (key: string) => `select a.id, a.${key} key from accounts a
    where a.role = 'customer' and ${within(key)} and (a.${key} collate "C", a.id) > ($2, $3) and ${inScope('$4')}`
  return db.query(
    `with found as (
       (${matches('name_key')} order by a.name_key collate "C", a.id limit $5)
       union all
       (${matches('family_key')} and not (${within('name_key')}) order by a.family_key collate "C", a.id limit $5)
     )
     select ${CUSTOMER}, found.key from found join accounts a on a.id = found.id
     order by found.key collate "C", a.id limit $5`,
    [page.prefix, page.after.key, page.after.id, page.agencyId, page.limit],
  )
}

/** Customers with this phone, or with a link to a meter of one of these numbers. */
export const customersByNumber = (
  db: Queryable,
  page: {
    phone: string | null
    numbers: readonly string[]
    after: string
    agencyId: number | null
    limit: number
  },
): Promise<CustomerRow[]> =>
  db.query(
    `select ${CUSTOMER} from accounts a
     where a.id in (
       select id from accounts where phone = $1
       union
       select l.customer_id from meters m join meter_links l on l.meter_id = m.id
       where m.kind in ('prepaid', 'postpaid') and m.number = any($2)
         and case when $4::int is null then l.status in ('pending', 'active') else l.status = 'active' and l.agency_id = $4 end
     ) and a.role = 'customer' and a.id > $3 and ${inScope('$4')}
     order by a.id limit $5`,
    [page.phone, page.numbers, page.after, page.agencyId, page.limit],
  )

export interface CustomerView extends CustomerRow {
  devices: number
  lastSeenAt: Date | null
}

export async function customerView(
  db: Queryable,
  id: string,
  agencyId: number | null,
): Promise<CustomerView | undefined> {
  const [row] = await db.query<CustomerView>(
    `select ${CUSTOMER}, (select count(*) from devices d where d.customer_id = a.id) devices,
       (select max(s.last_used_at) from sessions s where s.account_id = a.id) "lastSeenAt"
     from accounts a where a.id = $1 and a.role = 'customer' and ${inScope('$2')}`,
    [id, agencyId],
  )
  return row
}

export interface LinkRow {
  id: string
  kind: 'prepaid' | 'postpaid'
  number: string
  role: 'owner' | 'guest'
  status: 'pending' | 'active' | 'rejected' | 'revoked'
  default: boolean
  agencyId: number | null
  agencyName: string | null
  requestedAt: Date
  activatedAt: Date | null
  endedAt: Date | null
}

/** The newest links of a customer; for an agent those in their agency alone. */
export const linksOf = (
  db: Queryable,
  customerId: string,
  agencyId: number | null,
  limit: number,
): Promise<LinkRow[]> =>
  db.query(
    `select l.id, m.kind, m.number, l.role, l.status, l.is_default "default", g.id "agencyId", g.name "agencyName",
       l.requested_at "requestedAt", l.activated_at "activatedAt", l.ended_at "endedAt"
     from meter_links l join meters m on m.id = l.meter_id left join agencies g on g.id = l.agency_id
     where l.customer_id = $1 and ($2::int is null or l.agency_id = $2)
     order by l.requested_at desc, l.id desc limit $3`,
    [customerId, agencyId, limit],
  )
