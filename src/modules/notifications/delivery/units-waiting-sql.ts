import type { Queryable } from '../../../db/index.ts'
import type { Queue } from '../../../tasks/index.ts'
import { LOST_AFTER_MS, type Unit } from './units-sql.ts'

/** Puts a unit back as it was, for later: it was taken, nothing of it was tried. */
export async function postponeUnit(db: Queryable, unit: Unit, dueAt: number): Promise<boolean> {
  const rows = await db.query(
    `update deliveries set takes = takes - 1, lease_until = null, due_at = $3, republish_at = $4
     where id = $1 and takes = $2 and state = 'pending' returning 1`,
    [unit.id, unit.takes, new Date(dueAt), new Date(dueAt + LOST_AFTER_MS)],
  )
  return rows.length === 1
}

/**
 * Puts a unit back as it was, to be held until its broadcast goes on: nothing publishes it before `releaseHeld`. Whoever
 * resumes at this very moment does not see it; the sweep does.
 */
export async function holdUnit(db: Queryable, unit: Unit): Promise<void> {
  await db.query(
    `update deliveries set takes = takes - 1, lease_until = null, republish_at = 'infinity'
     where id = $1 and takes = $2 and state = 'pending'`,
    [unit.id, unit.takes],
  )
}

/** Units held for a broadcast that goes on are published by the next sweep, or when they are due. Returns how many. */
export async function releaseHeld(db: Queryable, broadcastId: string, now: number): Promise<number> {
  const rows = await db.query(
    `update deliveries set republish_at = greatest(due_at, $2)
     where broadcast_id = $1 and state = 'pending' and republish_at = 'infinity' returning 1`,
    [broadcastId, new Date(now)],
  )
  return rows.length
}

/**
 * Marks units whose message is believed lost as published again, and returns them: those that nobody took in time, and
 * those whose worker's lease ran out. Each time a unit that keeps waiting is given as long again as it has waited, so a
 * long queue is not filled with repetitions of itself.
 */
export async function claimLost(
  db: Queryable,
  now: number,
  limit: number,
): Promise<{ id: string; broadcastId: string | null; queue: Queue }[]> {
  return db.query(
    `with lost as (
       select id from deliveries where state = 'pending' and republish_at <= $1
       order by republish_at limit $2 for update skip locked
     )
     update deliveries d set republish_at = $1::timestamptz + greatest($1::timestamptz - due_at, make_interval(secs => $3))
     from lost where d.id = lost.id returning d.id, d.broadcast_id "broadcastId", d.queue`,
    [new Date(now), limit, LOST_AFTER_MS / 1_000],
  )
}

/** Everything pending is free and its message believed lost, from now on. */
export async function freeAll(db: Queryable, now: number): Promise<void> {
  await db.query(
    `update deliveries set lease_until = null, republish_at = greatest($1::timestamptz, due_at) where state = 'pending'`,
    [new Date(now)],
  )
}
