import type { Queryable } from '../../../db/index.ts'
import type { Language, Role } from '../../../http/index.ts'
import { nameKey } from '../../../lib/text.ts'

export interface Account {
  id: string
  role: Role
  phone: string | null
  login: string | null
  firstName: string
  lastName: string
  language: Language
  agencyId: number | null
  createdAt: Date
}

/** Of the table `accounts a`. */
export const ACCOUNT_COLUMNS = `a.id, a.role, a.phone, a.login, a.first_name "firstName", a.last_name "lastName",
  a.language, a.agency_id "agencyId", a.created_at "createdAt"`

export async function findAccount(db: Queryable, id: string): Promise<Account | undefined> {
  const [account] = await db.query<Account>(`select ${ACCOUNT_COLUMNS} from accounts a where a.id = $1`, [id])
  return account
}

export type NewAccount = Omit<Account, 'createdAt'> & { secretHash: string }

/** Null when the phone or login is somebody's already. */
export async function insertAccount(
  db: Queryable,
  account: NewAccount,
  createdAt: Date,
): Promise<Account | null> {
  const { id, role, phone, login, firstName, lastName, language, agencyId, secretHash } = account
  const [inserted] = await db.query<Account>(
    `insert into accounts as a (id, role, phone, login, first_name, last_name, name_key, family_key, language,
       agency_id, secret_hash, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
     on conflict do nothing returning ${ACCOUNT_COLUMNS}`,
    [
      id,
      role,
      phone,
      login,
      firstName,
      lastName,
      ...nameKeys(firstName, lastName),
      language,
      agencyId,
      secretHash,
      createdAt,
    ],
  )
  return inserted ?? null
}

export async function lockAccount(db: Queryable, id: string): Promise<Account | undefined> {
  const [account] = await db.query<Account>(
    `select ${ACCOUNT_COLUMNS} from accounts a where a.id = $1 for no key update`,
    [id],
  )
  return account
}

export async function updateProfile(
  db: Queryable,
  { id, firstName, lastName, language }: Pick<Account, 'id' | 'firstName' | 'lastName' | 'language'>,
  now: Date,
): Promise<void> {
  await db.query(
    `update accounts set first_name = $2, last_name = $3, name_key = $4, family_key = $5, language = $6, updated_at = $7
     where id = $1`,
    [id, firstName, lastName, ...nameKeys(firstName, lastName), language, now],
  )
}

/** A new PIN or password; attempts start anew. The account's id, or undefined when there is none for this phone. */
export async function setPinOfPhone(
  db: Queryable,
  phone: string,
  secretHash: string,
  now: Date,
): Promise<string | undefined> {
  const [account] = await db.query<{ id: string }>(
    `update accounts set secret_hash = $2, failed_attempts = 0, locked_until = null, updated_at = $3
     where phone = $1 returning id`,
    [phone, secretHash, now],
  )
  return account?.id
}

const nameKeys = (firstName: string, lastName: string): [string, string] => [
  nameKey(`${firstName} ${lastName}`),
  nameKey(`${lastName} ${firstName}`),
]
