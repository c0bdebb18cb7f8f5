import type { Services } from '../services.ts'
import { forgetRevocations } from '../tasks/index.ts'

/** Makes the partitions that the coming time needs. */
export const makePartitions = ({ db }: Services): Promise<unknown> =>
  db.query(
    `select ensure_partitions('deliveries', now()), ensure_partitions('audit', now()),
       ensure_daily_partitions('task_history', now())`,
  )

/** How long each is kept, and rows that keep their partition: a delivery that is not accounted for yet. */
const KEPT: readonly { table: string; days: number; unless?: string }[] = [
  { table: 'task_history', days: 30 },
  { table: 'deliveries', days: 90, unless: "state <> 'done'" },
  { table: 'audit', days: 3 * 365 },
]

/** Drops what is older than it is kept. One table that readers hold up does not hold up the others. */
export async function dropOld({ db, clock, log }: Services): Promise<void> {
  for (const { table, days, unless = 'false' } of KEPT) {
    const before = new Date(clock.now() - days * 86_400_000)
    try {
      const dropped = await db.query<{ name: string }>('select drop_partitions($1, $2, $3) as name', [
        table,
        before,
        unless,
      ])
      if (dropped.length > 0) {
        log.info({ event: 'partitions_dropped', partitions: dropped.map(({ name }) => name) })
      }
    } catch (error) {
      log.error({ event: 'partitions_not_dropped', table, error })
    }
  }
  await forgetRevocations(db)
}
