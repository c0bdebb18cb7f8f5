import type { Queryable } from '../../db/index.ts'

/** A customer with an active link to a prepaid meter. */
export interface Follower {
  number: string
  poc: string
  customerId: string
  linkId: string
  /** How they call it. */
  label: string | null
}

/** Whoever follows one of these prepaid meters now, at its point of connection. */
export const followersOf = (
  db: Queryable,
  meters: readonly { meterNumber: string; poc: string }[],
): Promise<Follower[]> =>
  db.query(
    `select m.number, m.poc, l.customer_id "customerId", l.id "linkId", l.label
     from (select distinct * from unnest($1::text[], $2::text[]) asked (number, poc)) asked
     join meters m on m.kind = 'prepaid' and m.number = asked.number and m.poc = asked.poc
     join meter_links l on l.meter_id = m.id and l.status = 'active'`,
    [meters.map(({ meterNumber }) => meterNumber), meters.map(({ poc }) => poc)],
  )
