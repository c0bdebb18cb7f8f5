import { type Database, literal, type Queryable } from '../../db/index.ts'

/** A page that somebody wants: from the top, or after the keys of a cursor. */
export interface WantedPage {
  customerId: string
  onlyUnread: boolean
  size: number
  after: readonly string[] | undefined
}

const TOP = ['infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff']

/** Pages of inboxes as JSON text, encoded, in the order they were asked for. */
export function selectPages(db: Database, wanted: readonly WantedPage[]): Promise<Buffer[]> {
  const list = (type: string, values: readonly unknown[]) => `${literal(`{${values.join(',')}}`)}::${type}[]`
  return db.lines(
    `select inbox_lines(${[
      list(
        'uuid',
        wanted.map(({ customerId }) => customerId),
      ),
      list(
        'boolean',
        wanted.map(({ onlyUnread }) => onlyUnread),
      ),
      list(
        'integer',
        wanted.map(({ size }) => size),
      ),
      list(
        'timestamptz',
        wanted.map(({ after = TOP }) => after[0]),
      ),
      list(
        'uuid',
        wanted.map(({ after = TOP }) => after[1]),
      ),
      list(
        'timestamptz',
        wanted.map(() => '-infinity'),
      ),
    ].join(', ')})`,
  )
}

/** How much is unread, counted up to `most`. */
export async function countUnread(db: Queryable, customerId: string, most: number): Promise<number> {
  const [row] = await db.query<{ count: number }>('select inbox_unread($1, $2) count', [customerId, most])
  return (row as { count: number }).count
}

/**
 * What came since `lastSeenId`, a minute earlier to be sure, newest first; the newest `whenUnknown` when that is not in
 * this inbox. And how much is unread.
 */
export async function selectMissed(
  db: Queryable,
  customerId: string,
  lastSeenId: string | null,
  limits: { most: number; whenUnknown: number; mostUnread: number },
): Promise<{ page: string; known: boolean; unread: number }> {
  const [row] = await db.query<{ page: string; known: boolean; unread: number }>(
    `select seen.at is not null known, inbox_unread($1, $5) unread, inbox_lines(array[$1::uuid], array[false],
       array[case when seen.at is null then $4::integer else $3 end], array['infinity'::timestamptz],
       array['ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid],
       array[coalesce(seen.at - interval '1 minute', '-infinity')]) page
     from (select coalesce(
       (select created_at from notifications where id = $2 and customer_id = $1),
       (select t.started_at from inbox_spans($1) span join broadcast_targets t using (target)
        where t.broadcast_id = $2 and t.started_at >= span.since and t.started_at < span.until limit 1)) at) seen`,
    [customerId, lastSeenId, limits.most, limits.whenUnknown, limits.mostUnread],
  )
  return row as { page: string; known: boolean; unread: number }
}

const VISIBLE = `exists (
  select from inbox_spans($1) span join broadcast_targets t using (target)
  where t.broadcast_id = $2 and t.started_at >= span.since and t.started_at < span.until)`

/** Marks a notification or a broadcast as read by this customer; false when it is not in their inbox. */
export async function updateRead(db: Queryable, customerId: string, id: string, at: Date): Promise<boolean> {
  const [row] = await db.query<{ found: boolean }>(
    `with own as (
       update notifications set read_at = coalesce(read_at, $3)
       where id = $2 and customer_id = $1 and deleted_at is null returning 1
     ), heard as (
       insert into broadcast_reads as r (customer_id, broadcast_id, read_at) select $1, $2, $3 where ${VISIBLE}
       on conflict (customer_id, broadcast_id) do update set read_at = coalesce(r.read_at, $3)
         where r.deleted_at is null
       returning 1
     )
     select exists (select from own) or exists (select from heard) found`,
    [customerId, id, at],
  )
  return row?.found === true
}

/** Takes a notification or a broadcast out of this customer's inbox; false when it never was in it. */
export async function updateDeleted(
  db: Queryable,
  customerId: string,
  id: string,
  at: Date,
): Promise<boolean> {
  const [row] = await db.query<{ found: boolean }>(
    `with own as (
       update notifications set deleted_at = coalesce(deleted_at, $3) where id = $2 and customer_id = $1 returning 1
     ), heard as (
       insert into broadcast_reads as r (customer_id, broadcast_id, deleted_at) select $1, $2, $3 where ${VISIBLE}
       on conflict (customer_id, broadcast_id) do update set deleted_at = coalesce(r.deleted_at, $3)
       returning 1
     )
     select exists (select from own) or exists (select from heard) found`,
    [customerId, id, at],
  )
  return row?.found === true
}

/** Marks as read all that is in this inbox now: a broadcast that another transaction is about to publish is not. */
export async function updateAllRead(db: Queryable, customerId: string, at: Date): Promise<void> {
  await db.query(
    `with heard as (
       update accounts a set inbox_read_until = newest.at
       from (
         select max(of_target.started_at) at from inbox_spans($1) span, lateral (
           select t.started_at from broadcast_targets t
           where t.target = span.target and t.started_at >= span.since and t.started_at < span.until
           order by t.started_at desc limit 1
         ) of_target
       ) newest
       where a.id = $1 and newest.at > a.inbox_read_until
     )
     update notifications set read_at = $2 where customer_id = $1 and read_at is null and deleted_at is null`,
    [customerId, at],
  )
}

interface Names {
  firstName: string
  lastName: string
}

/** What a customer is called. */
export async function selectNames(db: Queryable, customerId: string): Promise<Names | undefined> {
  const [row] = await db.query<Names>(
    'select first_name "firstName", last_name "lastName" from accounts where id = $1',
    [customerId],
  )
  return row
}

interface Listener extends Names {
  language: 'fr' | 'en' | 'wo'
  targets: string[]
}

/** Which fan-out topics concern a customer, their language and name; null when there is no such customer. */
export async function selectTopics(
  db: Queryable,
  customerId: string,
  most: number,
): Promise<Listener | null> {
  const [row] = await db.query<Listener>(
    `select a.language, a.first_name "firstName", a.last_name "lastName", array(
       select target from (
         select distinct unnest(array['agency:' || agency_id, 'meter:' || meter_id]) target
         from meter_links where customer_id = a.id and status = 'active'
       ) own where target is not null order by target limit $2
     ) targets
     from accounts a where a.id = $1 and a.role = 'customer'`,
    [customerId, most],
  )
  return row ?? null
}
