import type { Queryable } from '../../../db/index.ts'
import { ACCOUNT_COLUMNS, type Account } from './accounts.ts'

/** What a sign-in is decided by. */
export interface Candidate extends Account {
  secretHash: string
  disabled: boolean
  lockedUntil: Date | null
}

const CANDIDATE = `${ACCOUNT_COLUMNS}, a.secret_hash "secretHash", a.disabled_at is not null disabled,
  a.locked_until "lockedUntil"`

export interface CustomerCandidate extends Candidate {
  deviceId: string | null
  deviceSecretHash: Buffer | null
}

/** The customer of a phone, with the device that this installation is of theirs. */
export async function findCustomer(
  db: Queryable,
  phone: string,
  installation: string,
): Promise<CustomerCandidate | undefined> {
  const [row] = await db.query<CustomerCandidate>(
    `select ${CANDIDATE}, d.id "deviceId", d.secret_hash "deviceSecretHash"
     from accounts a left join devices d on d.customer_id = a.id and d.installation = $2
     where a.phone = $1`,
    [phone, installation],
  )
  return row
}

export async function findStaff(db: Queryable, login: string): Promise<Candidate | undefined> {
  const [row] = await db.query<Candidate>(`select ${CANDIDATE} from accounts a where a.login = $1`, [login])
  return row
}

/** The account and device behind a session, with what a PIN is checked against. */
export async function findBySession(
  db: Queryable,
  accountId: string,
  sessionId: string,
): Promise<(Candidate & { deviceId: string | null }) | undefined> {
  const [row] = await db.query<Candidate & { deviceId: string | null }>(
    `select ${CANDIDATE}, s.device_id "deviceId"
     from accounts a left join sessions s on s.id = $2 and s.account_id = a.id where a.id = $1`,
    [accountId, sessionId],
  )
  return row
}

// Fifteen minutes, twice as long with each further lock.
const lock = (limit: string) => `locked_until = case when (failed_attempts + 1) % ${limit} = 0
    then $3::timestamptz + least(interval '15 minutes' * power(2, least((failed_attempts + 1) / ${limit} - 1, 7)), make_interval(mins => $6))
    else locked_until end`

export interface AttemptSlot {
  granted: boolean
  /** When refused: until when. */
  lockedUntil: Date | null
}

/**
 * Counts an attempt as failed before it is made, on the account and the device, so that parallel guesses cannot outrun
 * the count; `openSession` and a new PIN take it back. Refused while either is locked. Every `limit`-th failure locks.
 */
export async function takeAttempt(
  db: Queryable,
  attempt: {
    accountId: string
    deviceId: string | null
    accountLimit: number
    deviceLimit: number
    longestLockMinutes: number
    now: Date
  },
): Promise<AttemptSlot> {
  const [slot] = await db.query<AttemptSlot>(
    `with device as (
       update devices set failed_attempts = least(failed_attempts + 1, 30000), ${lock('$5')}
       where id = $2 and (locked_until is null or locked_until <= $3) returning id
     ), account as (
       update accounts set failed_attempts = least(failed_attempts + 1, 30000), ${lock('$4')}
       where id = $1 and (locked_until is null or locked_until <= $3) and ($2::uuid is null or exists (select from device))
       returning id
     )
     select exists (select from account) granted,
       greatest((select locked_until from accounts where id = $1), (select locked_until from devices where id = $2)) "lockedUntil"`,
    [
      attempt.accountId,
      attempt.deviceId,
      attempt.now,
      attempt.accountLimit,
      attempt.deviceLimit,
      attempt.longestLockMinutes,
    ],
  )
  return slot ?? { granted: false, lockedUntil: null }
}

/** The attempt was right: account and device start anew. */
export async function clearAttempts(
  db: Queryable,
  accountId: string,
  deviceId: string | null,
): Promise<void> {
  await db.query(
    `with device as (update devices set failed_attempts = 0, locked_until = null where id = $2)
     update accounts set failed_attempts = 0, locked_until = null where id = $1`,
    [accountId, deviceId],
  )
}
