import type { Queryable } from '../../../db/index.ts'

export type Platform = 'android' | 'ios' | 'web'

/**
 * Takes turns on the devices of a customer, and on a push token that may move from another. Within a transaction, before
 * `upsertDevice`.
 */
export async function lockDevices(
  db: Queryable,
  customerId: string,
  pushToken: string | null,
): Promise<void> {
  await db.query(
    `select case when $2::text is not null then pg_advisory_xact_lock(hashtextextended('push token ' || $2, 0)) end
     from accounts where id = $1 for no key update`,
    [customerId, pushToken],
  )
}

/** Whoever else had this push token has it no more. */
export async function takePushToken(
  db: Queryable,
  pushToken: string,
  customerId: string,
  installation: string,
): Promise<void> {
  await db.query(
    'update devices set push_token = null where push_token = $1 and not (customer_id = $2 and installation = $3)',
    [pushToken, customerId, installation],
  )
}

export interface DeviceInput {
  id: string
  customerId: string
  installation: string
  name: string | null
  platform: Platform | null
  pushToken: string | null
  /** Set when a code has just proved it. */
  secretHash: Buffer | null
  now: Date
}

/** Creates the device or updates what is given of it; returns its id. */
export async function upsertDevice(db: Queryable, device: DeviceInput): Promise<string> {
  const [row] = await db.query<{ id: string }>(
    `insert into devices as d (id, customer_id, installation, name, platform, push_token, secret_hash, created_at, last_seen_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
     on conflict (customer_id, installation) do update set name = coalesce(excluded.name, d.name),
       platform = coalesce(excluded.platform, d.platform), push_token = coalesce(excluded.push_token, d.push_token),
       secret_hash = coalesce(excluded.secret_hash, d.secret_hash), last_seen_at = excluded.last_seen_at
     returning id`,
    [
      device.id,
      device.customerId,
      device.installation,
      device.name,
      device.platform,
      device.pushToken,
      device.secretHash,
      device.now,
    ],
  )
  return row?.id ?? device.id
}

const LAST_SEEN = `greatest(d.last_seen_at,
  (select max(s.last_used_at) from sessions s where s.device_id = d.id and s.revoked_at is null))`

/** The devices beyond the `atMost` that were seen last; `keepId` is never among them. */
export const surplusDevices = (
  db: Queryable,
  customerId: string,
  keepId: string,
  atMost: number,
): Promise<{ id: string }[]> =>
  db.query(
    `select d.id from devices d where d.customer_id = $1 and d.id <> $2
     order by ${LAST_SEEN} desc, d.id desc offset $3`,
    [customerId, keepId, atMost - 1],
  )

export async function deleteDevices(db: Queryable, ids: readonly string[]): Promise<void> {
  await db.query('delete from devices where id = any($1::uuid[])', [ids])
}

/** The device's id, locked; undefined when the customer has none of this name. */
export async function findDevice(
  db: Queryable,
  customerId: string,
  installation: string,
): Promise<string | undefined> {
  const [row] = await db.query<{ id: string }>(
    'select id from devices where customer_id = $1 and installation = $2 for update',
    [customerId, installation],
  )
  return row?.id
}

export interface DeviceRow {
  installation: string
  name: string | null
  platform: Platform | null
  push: boolean
  proved: boolean
  current: boolean
  createdAt: Date
  lastSeenAt: Date
}

/** All devices of a customer, the last seen first: `MAX_DEVICES` at most. */
export const devicesOf = (db: Queryable, customerId: string, sessionId: string): Promise<DeviceRow[]> =>
  db.query(
    `select d.installation, d.name, d.platform, d.push_token is not null push, d.secret_hash is not null proved,
       d.id is not distinct from (select device_id from sessions where id = $2) "current",
       d.created_at "createdAt", ${LAST_SEEN} "lastSeenAt"
     from devices d where d.customer_id = $1 order by ${LAST_SEEN} desc, d.id desc limit 100`,
    [customerId, sessionId],
  )

/** These devices get no more pushes until they sign in again; all of the customer's when no ids are given. */
export async function detachPush(
  db: Queryable,
  customerId: string,
  ids: readonly string[] | null,
): Promise<void> {
  await db.query(
    `update devices set push_token = null
     where customer_id = $1 and push_token is not null and ($2::uuid[] is null or id = any($2))`,
    [customerId, ids],
  )
}

/** Every device of the customer must be proved by a code again. */
export async function forgetDeviceSecrets(db: Queryable, customerId: string): Promise<void> {
  await db.query(
    'update devices set secret_hash = null, failed_attempts = 0, locked_until = null where customer_id = $1',
    [customerId],
  )
}
