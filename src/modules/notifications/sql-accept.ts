import type { Queryable } from '../../db/index.ts'
import type { Priority } from '../../tasks/index.ts'
import type { Content } from './schema.ts'

export interface NewNotification {
  id: string
  customerId: string
  type: string
  title: string
  body: string
  data: Record<string, string> | null
}

export interface InsertedNotification {
  id: string
  customerId: string
  type: string
  priority: Priority
  content: Content
  data?: Record<string, string>
  createdBy?: string
  expiresAt: Date
}

/** One notification for each customer that exists, in their language. */
export async function insertNotifications(
  db: Queryable,
  made: readonly InsertedNotification[],
  createdAt: Date,
): Promise<NewNotification[]> {
  const words = (language: keyof Content) => made.map(({ content }) => content[language] ?? content.fr)
  const [fr, en, wo] = [words('fr'), words('en'), words('wo')]
  return db.query(
    `insert into notifications (id, customer_id, type, priority, title, body, data, created_by, created_at, expires_at)
     select new.id, a.id, new.type, new.priority,
       case a.language when 'en' then title_en when 'wo' then title_wo else title_fr end,
       case a.language when 'en' then body_en when 'wo' then body_wo else body_fr end,
       new.data, new.created_by, $1::timestamptz, new.expires_at
     from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
         $10::text[], $11::text[], $12::jsonb[], $13::uuid[], $14::timestamptz[])
       new (id, customer_id, type, priority, title_fr, body_fr, title_en, body_en, title_wo, body_wo, data, created_by,
         expires_at)
     join accounts a on a.id = new.customer_id and a.role = 'customer'
     returning id, customer_id "customerId", type, title, body, data`,
    [
      createdAt,
      made.map(one => one.id),
      made.map(one => one.customerId),
      made.map(one => one.type),
      made.map(one => one.priority),
      fr.map(one => one.title),
      fr.map(one => one.body),
      en.map(one => one.title),
      en.map(one => one.body),
      wo.map(one => one.title),
      wo.map(one => one.body),
      made.map(one => (one.data ? JSON.stringify(one.data) : null)),
      made.map(one => one.createdBy ?? null),
      made.map(one => one.expiresAt),
    ],
  )
}

/** The inboxes that a broadcast is in, and what it says. */
export async function insertTargets(
  db: Queryable,
  broadcastId: string,
  startedAt: Date,
  targets: readonly string[],
): Promise<{ type: string; content: Content }> {
  const [broadcast] = await db.query<{ type: string; content: Content }>(
    `with added as (
       insert into broadcast_targets (target, started_at, broadcast_id)
       select distinct target, $2::timestamptz, $1::uuid from unnest($3::text[]) target
     )
     select type, content from broadcasts where id = $1`,
    [broadcastId, startedAt, targets],
  )
  if (!broadcast) throw new Error(`Broadcast ${broadcastId} has no row yet.`)
  return broadcast
}

/** Whose customers and broadcasts somebody may see: an agency's, or all. */
export type Scope = number | 'all'

/** Whether there is such a broadcast for them to see. */
export async function broadcastExists(db: Queryable, id: string, scope: Scope): Promise<boolean> {
  const rows = await db.query(
    `select 1 from broadcasts where id = $1 and ($2 = 'all' or agency_id::text = $2)`,
    [id, String(scope)],
  )
  return rows.length > 0
}

/** The customer, if there is one for them to see. */
export async function selectCustomer(db: Queryable, customerId: string, scope: Scope): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `select id from accounts a where id = $1 and role = 'customer' and ($2 = 'all' or exists (
       select from meter_links l where l.customer_id = a.id and l.status = 'active' and l.agency_id::text = $2))`,
    [customerId, String(scope)],
  )
  return rows.map(row => row.id)
}

/** Customers with an active link to a meter, however its number is padded, if it is for them to see. */
export async function selectCustomersOfMeter(
  db: Queryable,
  number: { prepaid: string; postpaid: string },
  scope: Scope,
  most: number,
): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `select distinct l.customer_id id from meters m join meter_links l on l.meter_id = m.id and l.status = 'active'
     where ((m.kind = 'prepaid' and m.number = $1) or (m.kind = 'postpaid' and m.number = $2))
       and ($3 = 'all' or l.agency_id::text = $3)
     order by id limit $4`,
    [number.prepaid, number.postpaid, String(scope), most],
  )
  return rows.map(row => row.id)
}
