import type { Queryable } from '../../../db/index.ts'
import { isQuiet, minuteOf } from '../quiet-hours.ts'
import { type Audience, membersOf } from './audience.ts'

/**
 * How many devices of an audience want no notifications of a type, and how many of the others are in their quiet hours at
 * `now`. Only who chose something has a row, so this costs little beside the count of the audience.
 */
export async function countWishes(
  db: Queryable,
  audience: Audience,
  type: string,
  at: Date,
  now: number,
): Promise<{ muted: number; quietNow: number }> {
  const members = membersOf(audience, at)
  const values = members?.values ?? []
  const [minute, wanted] = [`$${values.length + 1}::integer`, `$${values.length + 2}::text`]
  const [counts] = await db.query<{ muted: number; quietNow: number }>(
    `select count(*) filter (where ${wanted} = any(p.muted)) muted,
       count(*) filter (where ${wanted} <> all(p.muted) and ${isQuiet('p.quiet_from', 'p.quiet_to', minute)}) "quietNow"
     from preferences p join devices d on d.customer_id = p.customer_id and d.push_token is not null
     ${members ? `where p.customer_id in (${members.sql})` : ''}`,
    [...values, minuteOf(now), type],
  )
  return counts as { muted: number; quietNow: number }
}
