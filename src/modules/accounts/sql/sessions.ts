import type { Queryable } from '../../../db/index.ts'
import { ACCOUNT_COLUMNS, type Account } from './accounts.ts'
import type { Platform } from './devices.ts'

export interface NewSession {
  id: string
  accountId: string
  deviceId: string | null
  tokenHash: Buffer
  userAgent: string | null
  createdAt: Date
  expiresAt: Date
}

/**
 * A session for who gave the right secret: the counts of failed attempts start anew and the device is seen, in one
 * statement.
 */
export async function openSession(
  db: Queryable,
  session: NewSession,
  device: { name?: string | undefined; platform?: string | undefined } = {},
): Promise<void> {
  await db.query('select open_session($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
    session.id,
    session.accountId,
    session.deviceId,
    session.tokenHash,
    session.userAgent,
    session.createdAt,
    session.expiresAt,
    device.name ?? null,
    device.platform ?? null,
  ])
}

export interface Rotation extends Account {
  /** The token presented was the present one: the new one holds. */
  rotated: boolean
  /** It was an old one, too late or after its successor had been used: the session is revoked. */
  reused: boolean
  /** The present token, sealed under a key of the one presented, when that one was its predecessor. */
  successor: Buffer | null
}

/**
 * Rotates a refresh token, in one statement whatever the case; two at the same time with the same token take turns on
 * the row. Undefined when the session is revoked, expired, gone, or its account disabled.
 */
export async function rotate(
  db: Queryable,
  token: {
    sessionId: string
    presented: Buffer
    next: Buffer
    sealedNext: Buffer
    now: Date
    /** A predecessor used before this is a reuse. */
    graceFrom: Date
    expiresAt: Date
  },
): Promise<Rotation | undefined> {
  const [row] = await db.query<Rotation>(
    `update sessions s set
       token_hash = case when s.token_hash = $2 then $3 else s.token_hash end,
       previous_hash = case when s.token_hash = $2 then s.token_hash else s.previous_hash end,
       previous_used_at = case when s.token_hash = $2 then $5 else s.previous_used_at end,
       successor = case when s.token_hash = $2 then $4 else s.successor end,
       last_used_at = case when s.token_hash = $2 then $5 else s.last_used_at end,
       expires_at = case when s.token_hash = $2 then $7 else s.expires_at end,
       revoked_at = case when s.token_hash = $2 or s.previous_hash = $2 and s.previous_used_at > $6
         then null else clock_timestamp() end,
       revoked_reason = case when s.token_hash = $2 or s.previous_hash = $2 and s.previous_used_at > $6
         then null else 'reuse' end
     from accounts a
     where s.id = $1 and a.id = s.account_id and s.revoked_at is null and s.expires_at > $5 and a.disabled_at is null
     returning ${ACCOUNT_COLUMNS}, s.token_hash = $3 rotated, s.revoked_at is not null reused, s.successor`,
    [
      token.sessionId,
      token.presented,
      token.next,
      token.sealedNext,
      token.now,
      token.graceFrom,
      token.expiresAt,
    ],
  )
  return row
}

export interface Revoked {
  id: string
  deviceId: string | null
}

/** Which sessions of an account: those named, those on these devices, all but one, or all. */
export interface SessionChoice {
  accountId: string
  ids?: readonly string[]
  deviceIds?: readonly string[]
  exceptId?: string
}

export const revoke = (db: Queryable, choice: SessionChoice, reason: string): Promise<Revoked[]> =>
  db.query(
    `update sessions set revoked_at = clock_timestamp(), revoked_reason = $2
     where account_id = $1 and revoked_at is null and ($3::uuid[] is null or id = any($3))
       and ($4::uuid[] is null or device_id = any($4)) and id is distinct from $5
     returning id, device_id "deviceId"`,
    [choice.accountId, reason, choice.ids ?? null, choice.deviceIds ?? null, choice.exceptId ?? null],
  )

/** By the database's clock, which all processes share. */
export const revokedWithin = (db: Queryable, seconds: number): Promise<{ id: string }[]> =>
  db.query("select id from sessions where revoked_at > now() - $1 * interval '1 second'", [seconds])

export interface SessionRow {
  id: string
  userAgent: string | null
  createdAt: Date
  lastUsedAt: Date
  expiresAt: Date
  installation: string | null
  deviceName: string | null
  platform: Platform | null
}

/** Live sessions, newest first. */
export const liveSessions = (
  db: Queryable,
  page: { accountId: string; before: string; limit: number; now: Date },
): Promise<SessionRow[]> =>
  db.query(
    `select s.id, s.user_agent "userAgent", s.created_at "createdAt", s.last_used_at "lastUsedAt",
       s.expires_at "expiresAt", d.installation, d.name "deviceName", d.platform
     from sessions s left join devices d on d.id = s.device_id
     where s.account_id = $1 and s.id < $2 and s.revoked_at is null and s.expires_at > $3
     order by s.id desc limit $4`,
    [page.accountId, page.before, page.now, page.limit],
  )

export async function deleteEndedSessions(db: Queryable, before: Date, atMost: number): Promise<void> {
  await db.query(
    'delete from sessions where id in (select id from sessions where expires_at < $1 limit $2)',
    [before, atMost],
  )
}
