import type { Queryable } from '../../../db/index.ts'

const DAY_MS = 86_400_000

/** Customers, and those of them that used a session in the last 24 hours. */
export async function countCustomers(db: Queryable, now: number): Promise<{ all: number; active: number }> {
  const [row] = await db.query<{ all: number; active: number }>(
    `select (select count(*) from accounts where role = 'customer') "all",
       (select count(distinct s.account_id) from sessions s join accounts a on a.id = s.account_id
        where a.role = 'customer' and s.last_used_at > $1) active`,
    [new Date(now - DAY_MS)],
  )
  return row as { all: number; active: number }
}
