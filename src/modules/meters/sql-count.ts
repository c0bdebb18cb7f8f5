import type { Queryable } from '../../db/index.ts'

/** Links of meters by status. */
export const countLinks = (db: Queryable): Promise<{ status: string; count: number }[]> =>
  db.query('select status, count(*) count from meter_links group by status')
