import type { Queryable } from '../../../db/index.ts'
import type { Language } from '../../../http/index.ts'

export type Purpose = 'register' | 'device' | 'pin-reset'

export interface PhoneState {
  /** Null when the phone has no account. */
  language: Language | null
  /** Of the last code for this purpose, used or not. */
  expiresAt: Date | null
}

/** What is known of a phone that asks for a code; the same work whether it has an account or not. */
export async function stateOfPhone(db: Queryable, phone: string, purpose: Purpose): Promise<PhoneState> {
  const [state] = await db.query<PhoneState>(
    `select (select language from accounts where phone = $1) language,
       (select expires_at from sms_codes where phone = $1 and purpose = $2) "expiresAt"`,
    [phone, purpose],
  )
  return state ?? { language: null, expiresAt: null }
}

/** Replaces the code of this phone and purpose; false when the one before is too young (it expires after `unlessAfter`). */
export async function placeCode(
  db: Queryable,
  code: {
    phone: string
    purpose: Purpose
    hmac: Buffer
    tries: number
    expiresAt: Date
    unlessAfter: Date
  },
): Promise<boolean> {
  const placed = await db.query(
    `insert into sms_codes as c (phone, purpose, code_hmac, tries_left, expires_at) values ($1, $2, $3, $4, $5)
     on conflict (phone, purpose) do update set code_hmac = excluded.code_hmac, tries_left = excluded.tries_left,
       expires_at = excluded.expires_at
     where c.expires_at <= $6 returning 1`,
    [code.phone, code.purpose, code.hmac, code.tries, code.expiresAt, code.unlessAfter],
  )
  return placed.length > 0
}

/** Takes one try and tells what to compare with; undefined when there is no live code or no try left. */
export async function takeTry(
  db: Queryable,
  phone: string,
  purpose: Purpose,
  now: Date,
): Promise<Buffer | undefined> {
  const [row] = await db.query<{ hmac: Buffer }>(
    `update sms_codes set tries_left = tries_left - 1
     where phone = $1 and purpose = $2 and tries_left > 0 and expires_at > $3 returning code_hmac hmac`,
    [phone, purpose, now],
  )
  return row?.hmac
}

/** Uses a code up, once: false for who comes second. The row stays, for the minute between two codes. */
export async function useUp(db: Queryable, phone: string, purpose: Purpose, hmac: Buffer): Promise<boolean> {
  const used = await db.query(
    `update sms_codes set tries_left = 0, code_hmac = ''
     where phone = $1 and purpose = $2 and code_hmac = $3 returning 1`,
    [phone, purpose, hmac],
  )
  return used.length > 0
}

export async function deleteExpiredCodes(db: Queryable, before: Date, atMost: number): Promise<void> {
  await db.query(
    `delete from sms_codes where (phone, purpose) in
       (select phone, purpose from sms_codes where expires_at < $1 limit $2)`,
    [before, atMost],
  )
}
