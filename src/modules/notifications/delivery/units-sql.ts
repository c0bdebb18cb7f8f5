import type { Queryable } from '../../../db/index.ts'
import type { Priority, Queue } from '../../../tasks/index.ts'
import type { Content } from '../schema.ts'
import type { Audience } from './audience.ts'
import type { Tally } from './tally.ts'

/** A message that nobody took within this time is believed lost and published again. */
export const LOST_AFTER_MS = 15_000
/** How long a worker holds a unit without a word. */
export const LEASE_MS = 30_000
/**
 * So much may the clocks of processes differ: a unit is taken by one whose clock is behind the one that wrote it. Refused,
 * its message would be gone, and the unit would wait until that is believed lost.
 */
const SKEW_MS = 1_000
/** A unit that was taken so often without an end kills its workers: it is put aside. */
export const MOST_TAKES = 6

/** What one message of the queue is for: a notification's devices, or a chunk of a broadcast's. Exactly one of the two ids. */
export interface NewUnit {
  notificationId?: string
  broadcastId?: string
  /** Customers of a chunk: after (excluded; null from the first) through (included). */
  afterCustomer?: string | null
  throughCustomer?: string
  /** Devices of a chunk, as planned. */
  size?: number
  /** Devices of the broadcast before this chunk. */
  position?: number
  queue: Queue
  requestId?: string
}

export async function insertUnits(
  db: Queryable,
  units: readonly (NewUnit & { id: string })[],
  now: number,
): Promise<void> {
  await db.query(
    `insert into deliveries (id, notification_id, broadcast_id, after_customer, through_customer, size, queue, position, due_at, republish_at)
     select id, notification_id, broadcast_id, after_customer, through_customer, size, queue, position, $9, $10
     from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::integer[], $7::text[], $8::integer[])
       unit (id, notification_id, broadcast_id, after_customer, through_customer, size, queue, position)`,
    [
      units.map(unit => unit.id),
      units.map(unit => unit.notificationId ?? null),
      units.map(unit => unit.broadcastId ?? null),
      units.map(unit => unit.afterCustomer ?? null),
      units.map(unit => unit.throughCustomer ?? null),
      units.map(unit => unit.size ?? null),
      units.map(unit => unit.queue),
      units.map(unit => unit.position ?? 0),
      new Date(now),
      new Date(now + LOST_AFTER_MS),
    ],
  )
}

/** A unit that this worker holds, with what is to be said. */
export interface Unit {
  id: string
  notificationId: string | null
  broadcastId: string | null
  after: string | null
  through: string | null
  devices: string[] | null
  unsure: number
  queue: Queue
  state: 'pending' | 'parked'
  attempt: number
  /** Devices of the broadcast before it. */
  position: number
  /** Also the token of the lease: it changes each time that somebody takes the unit. */
  takes: number
  type: string
  priority: Priority
  expiresAt: Date
  /** Of a notification. */
  customerId: string | null
  title: string
  body: string
  data: Record<string, string> | null
  deleted: boolean
  /** Of a broadcast. */
  audience: Audience
  content: Content
  startedAt: Date
  planned: boolean
  broadcastState: string
  respectQuietHours: boolean
  /** Devices a second that somebody limited it to. */
  rate: number | null
}

/**
 * Takes a unit with a lease and reads what it says, in one statement; undefined when it is done, held by another, not
 * due, about something that is no more, or of a database that was just restored. One that was taken too often comes back as 'parked' and is not to be worked on.
 */
export async function takeUnit(db: Queryable, id: string, now: number): Promise<Unit | undefined> {
  const [unit] = await db.query<Unit>(
    `with unit as (
       update deliveries set
         takes = takes + 1,
         state = case when takes < $3 then state else 'parked' end,
         reasons = case when takes < $3 then reasons else jsonb_build_object('taken too often', coalesce(size, 1)) end,
         lease_until = case when takes < $3 then $4::timestamptz end,
         republish_at = $4
       where id = $1 and state = 'pending' and due_at <= $5 and (lease_until is null or lease_until <= $2)
         and (select delivery_is_open())
       returning *
     )
     select u.id, u.notification_id "notificationId", u.broadcast_id "broadcastId", u.after_customer "after",
       u.through_customer through, u.devices, u.unsure, u.queue, u.state, u.attempt, u.position, u.takes,
       -- What it is about may be gone with its customer.
       coalesce(n.type, b.type, '') type, coalesce(n.priority, b.priority, 'normal') priority,
       coalesce(n.expires_at, b.expires_at, 'epoch') "expiresAt",
       n.customer_id "customerId", n.title, n.body, n.data,
       n.deleted_at is not null or (n.id is null and b.id is null) deleted,
       b.audience, b.content, b.started_at "startedAt", b.planned, b.state "broadcastState",
       b.respect_quiet_hours "respectQuietHours", b.rate_per_second rate
     from unit u
     left join notifications n on n.id = u.notification_id
     left join broadcasts b on b.id = u.broadcast_id`,
    [id, new Date(now), MOST_TAKES, new Date(now + LEASE_MS), new Date(now + SKEW_MS)],
  )
  return unit
}

/** Holds on to a unit; false when somebody else took it meanwhile, or it was closed. */
export async function renewLease(db: Queryable, unit: Unit, now: number): Promise<boolean> {
  const rows = await db.query(
    `update deliveries set lease_until = $3, republish_at = $3
     where id = $1 and takes = $2 and state = 'pending' returning 1`,
    [unit.id, unit.takes, new Date(now + LEASE_MS)],
  )
  return rows.length === 1
}

/** Where devices go that are sent to later. */
export interface Again {
  id: string
  devices: string[]
  unsure: number
  attempt: number
  dueAt: number
  /** From when its message is believed lost, or is to be published for the first time; null while it is held. */
  publishAt: number | null
}

const inTime = ({ dueAt, publishAt, ...again }: Again) => ({
  ...again,
  dueAt: new Date(dueAt),
  publishAt: publishAt === null ? null : new Date(publishAt),
})

/** What a record left behind. */
export interface Recorded {
  /** Chunks of the same broadcast that wait or are at work. */
  open: number
}

/**
 * Records what became of a unit, once: undefined, and nothing is written, when this worker does not hold it any more. Bad
 * tokens are dropped unless the device has another one by now. Tells how many other chunks of its broadcast are open.
 */
export async function recordUnit(
  db: Queryable,
  unit: Unit,
  { counts, reasons, dead }: Tally,
  again: readonly Again[],
  now: number,
): Promise<Recorded | undefined> {
  const [recorded] = await db.query<Recorded>(
    `with done as (
       update deliveries set state = 'done', finished_at = $3, lease_until = null, sent = $4, unregistered = $5, refused = $6,
         suppressed = $7, expired = $8, ambiguous = $9, retried = $10, reasons = $11
       where id = $1 and takes = $2 and state = 'pending'
       returning notification_id, broadcast_id, queue, position
     ),
     bad as (
       select d.id from done, devices d join unnest($12::uuid[], $13::text[]) bad (id, token) on bad.id = d.id
       where d.push_token = bad.token order by d.id for update of d
     ),
     dropped as (update devices d set push_token = null from bad where d.id = bad.id),
     again as (
       insert into deliveries
         (id, notification_id, broadcast_id, devices, size, unsure, queue, position, attempt, due_at, republish_at)
       select a.id, notification_id, broadcast_id, a.devices, cardinality(a.devices), a.unsure, queue, position, a.attempt,
         a."dueAt", coalesce(a."publishAt", 'infinity')
       from done, jsonb_to_recordset($14::jsonb) a
         (id uuid, devices uuid[], unsure integer, attempt smallint, "dueAt" timestamptz, "publishAt" timestamptz)
     ),
     -- What is sent twice counts twice towards a limit: the walk goes on that much later.
     charged as (
       update broadcasts b set paced_until = greatest(b.paced_until, $3) + make_interval(secs => $15::float8 / b.rate_per_second)
       from done where $15 > 0 and b.id = done.broadcast_id and b.rate_per_second is not null and not b.planned
     )
     select (select count(*) from deliveries d
             where d.broadcast_id = done.broadcast_id and d.state = 'pending' and d.devices is null and d.id <> $1) open
     from done`,
    [
      unit.id,
      unit.takes,
      new Date(now),
      counts.sent,
      counts.unregistered,
      counts.refused,
      counts.suppressed,
      counts.expired,
      counts.ambiguous,
      again.reduce((sum, { devices }) => sum + devices.length, 0),
      JSON.stringify(Object.fromEntries(reasons)),
      dead.map(device => device.id),
      dead.map(device => device.token),
      JSON.stringify(again.map(inTime)),
      again.reduce((sum, { attempt, devices }) => sum + (attempt > unit.attempt ? devices.length : 0), 0),
    ],
  )
  return recorded
}
