import type { Queryable } from '../../../db/index.ts'

export type SmsState = 'pending' | 'sending' | 'sent' | 'refused' | 'ambiguous' | 'expired'

export async function insertSms(
  db: Queryable,
  sms: {
    id: string
    phone: string
    sealedText: Buffer
    requestId: string
    now: Date
    expiresAt: Date
  },
): Promise<void> {
  await db.query(
    `insert into sms_messages (id, phone, sealed_text, request_id, created_at, updated_at, expires_at)
     values ($1, $2, $3, $4, $5, $5, $6)`,
    [sms.id, sms.phone, sms.sealedText, sms.requestId, sms.now, sms.expiresAt],
  )
}

export interface ClaimedSms {
  phone: string
  sealedText: Buffer
}

/** Takes a pending text for sending; undefined when it is not pending, too old, or of a database that was just restored. */
export async function claimSms(db: Queryable, id: string, now: Date): Promise<ClaimedSms | undefined> {
  const [claimed] = await db.query<ClaimedSms>(
    `update sms_messages set state = 'sending', attempts = attempts + 1, updated_at = $2
     where id = $1 and state = 'pending' and expires_at > $2 and (select delivery_is_open())
     returning phone, sealed_text "sealedText"`,
    [id, now],
  )
  return claimed
}

/** What a text that cannot be claimed has come to: expired unsent, or of unknown fate since its sender is gone. */
export async function settleUnclaimed(
  db: Queryable,
  id: string,
  now: Date,
): Promise<'expired' | 'ambiguous' | undefined> {
  const [settled] = await db.query<{ state: 'expired' | 'ambiguous' }>(
    `update sms_messages set sealed_text = null, updated_at = $2,
       state = case state when 'sending' then 'ambiguous' else 'expired' end,
       reason = case state when 'sending' then 'found in the middle of sending' else 'too old to be sent' end
     where id = $1 and (state = 'sending' or state = 'pending' and expires_at <= $2) returning state`,
    [id, now],
  )
  return settled?.state
}

/** The end of a text; what was sealed is gone. The sender's own word corrects an 'ambiguous' of somebody who could not know. */
export async function recordSms(
  db: Queryable,
  id: string,
  outcome: { state: SmsState; reason: string | null },
  now: Date,
): Promise<void> {
  await db.query(
    `update sms_messages set state = $2, reason = $3, sealed_text = null, updated_at = $4
     where id = $1 and state in ('sending', 'ambiguous')`,
    [id, outcome.state, outcome.reason, now],
  )
}

/** Back among the pending: the gateway was not reached. */
export async function releaseSms(db: Queryable, id: string, reason: string, now: Date): Promise<void> {
  await db.query(
    "update sms_messages set state = 'pending', reason = $2, updated_at = $3 where id = $1 and state = 'sending'",
    [id, reason, now],
  )
}

/** Settles what was being sent before `sendingBefore`, and what expired unsent. */
export const settleOld = (
  db: Queryable,
  sendingBefore: Date,
  now: Date,
  atMost: number,
): Promise<{ state: SmsState }[]> =>
  db.query(
    `update sms_messages set sealed_text = null, updated_at = $2,
       state = case state when 'sending' then 'ambiguous' else 'expired' end,
       reason = case state when 'sending' then 'no outcome was recorded' else 'too old to be sent' end
     where id in (select id from sms_messages
       where state = 'sending' and updated_at < $1 or state = 'pending' and expires_at <= $2
       order by updated_at limit $3 for update skip locked)
     returning state`,
    [sendingBefore, now, atMost],
  )

/**
 * Marks and returns what has waited longer than its next attempt should take: `patienceSeconds`, and the step of
 * `delaySeconds` that its attempts so far have earned.
 */
export const takeForgotten = (
  db: Queryable,
  now: Date,
  patienceSeconds: number,
  delaySeconds: readonly number[],
  atMost: number,
): Promise<{ id: string; requestId: string | null }[]> =>
  db.query(
    `update sms_messages set updated_at = $1
     where id in (select id from sms_messages
       where state = 'pending' and updated_at < $1::timestamptz
         - make_interval(secs => $2 + coalesce(($3::int[])[least(attempts, cardinality($3::int[]))], 0))
       order by updated_at limit $4 for update skip locked)
     returning id, request_id "requestId"`,
    [now, patienceSeconds, delaySeconds, atMost],
  )

/** Ids are in the order of time (UUID version 7), so the key finds what is old. */
export async function deleteOldSms(db: Queryable, before: Date, atMost: number): Promise<void> {
  await db.query(
    `delete from sms_messages where id in (select id from sms_messages where id < uuid_at($1)
       and state not in ('pending', 'sending') order by id limit $2)`,
    [before, atMost],
  )
}
