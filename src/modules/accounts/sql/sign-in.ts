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
}

/** How many failures in a row lock, and for how long at the most. */
export interface AttemptLimits {
  account: number
  device: number
  longestLockMinutes: number
}

/** The customer of a phone, with the device that this installation is of theirs. */
export async function findCustomer(
  db: Queryable,
  phone: string,
  installation: string,
): Promise<CustomerCandidate | undefined> {
  const [row] = await db.query<CustomerCandidate>(`select ${CANDIDATE}, ${DEVICE} ${OF_PHONE}`, [
    phone,
    installation,
  ])
  return row
}

const DEVICE = 'd.id "deviceId"'
const OF_PHONE = `from accounts a left join devices d on d.customer_id = a.id and d.installation = $2
  where a.phone = $1`

/**
 * As `findCustomer`, and where the device's secret has this hash, an attempt is counted (`takeAttempt`) in the same
 * statement; null where it has not.
 */
export async function findAndTry(
  db: Queryable,
  phone: string,
  installation: string,
  secretHash: Buffer | null,
  limits: AttemptLimits,
  now: Date,
): Promise<(CustomerCandidate & { attempt: AttemptSlot | null }) | undefined> {
  const [row] = await db.query<CustomerCandidate & { until: Date | number | null }>(
    `select ${CANDIDATE}, ${DEVICE}, case when d.secret_hash = $3
       then take_attempt(a.id, d.id, $4, $5, $6, make_interval(mins => $7)) end "until" ${OF_PHONE}`,
    [phone, installation, secretHash, now, limits.account, limits.device, limits.longestLockMinutes],
  )
  return row && { ...row, attempt: row.until === null ? null : slotOf(row.until) }
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

export interface AttemptSlot {
  granted: boolean
  /** When refused: until when. */
  lockedUntil: Date | null
}

/** The driver gives infinities as numbers. */
const slotOf = (until: Date | number): AttemptSlot =>
  until instanceof Date ? { granted: false, lockedUntil: until } : { granted: true, lockedUntil: null }

/**
 * Counts an attempt as failed before it is made, on the account and the device, so that parallel guesses cannot outrun
 * the count; `openSession` and a new PIN take it back. Refused while either is locked. Every `limit`-th failure locks.
 */
export async function takeAttempt(
  db: Queryable,
  of: { accountId: string; deviceId: string | null },
  limits: AttemptLimits,
  now: Date,
): Promise<AttemptSlot> {
  const [row] = await db.query<{ until: Date | number }>(
    'select take_attempt($1, $2, $3, $4, $5, make_interval(mins => $6)) "until"',
    [of.accountId, of.deviceId, now, limits.account, limits.device, limits.longestLockMinutes],
  )
  return slotOf((row as { until: Date | number }).until)
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
