import type { Lab } from './lab.ts'

/** How PostgreSQL accounts for something that was accepted. */
export interface Account {
  /** Units that are not done: waiting, held, or put aside. */
  open: number
  /** Devices with an outcome, and those of them that FCM took. */
  settled: number
  sent: number
  /** At most so many devices may have been sent to twice: of units that were taken again, and of pushes without an answer. */
  repeatable: number
}

const COLUMNS = `count(*) filter (where state <> 'done') open,
  coalesce(sum(sent + unregistered + refused + suppressed + expired + ambiguous), 0) settled, coalesce(sum(sent), 0) sent,
  coalesce(sum(greatest(takes - 1, 0) * coalesce(size, 1)), 0) + coalesce(sum(unsure), 0) repeatable`

/** A broadcast: its state, its report (null until it is over), and its units. */
export async function accountOfBroadcast(
  { db }: Lab,
  id: string,
): Promise<Account & { state: string; report: Record<string, number> | null }> {
  const [row] = await db.query<Account & { state: string; report: Record<string, number> | null }>(
    `select b.state, b.report - 'reasons' report, u.* from broadcasts b
     cross join lateral (select ${COLUMNS} from deliveries where broadcast_id = b.id) u where b.id = $1`,
    [id],
  )
  if (!row) throw new Error(`The broadcast ${id} was accepted and is not in the database.`)
  return row
}

/** Single notifications together; `known` of them are in the database. */
export async function accountOfNotifications(
  { db }: Lab,
  ids: readonly string[],
): Promise<Account & { known: number }> {
  const [row] = await db.query<Account & { known: number }>(
    `select (select count(*) from notifications where id = any($1::uuid[])) known, ${COLUMNS}
     from deliveries where notification_id = any($1::uuid[])`,
    [ids],
  )
  return row as Account & { known: number }
}

/** What waits to be relayed. */
export async function outboxRows({ db }: Lab): Promise<number> {
  const [row] = await db.query<{ rows: number }>('select count(*) rows from outbox')
  return row?.rows ?? 0
}
