import type { Queryable } from '../../db/index.ts'

export interface AgencyRow {
  id: number
  name: string
  match_key: string
}

/** All of them, by name: a country has tens. */
export const allAgencies = (db: Queryable): Promise<Omit<AgencyRow, 'match_key'>[]> =>
  db.query('select id, name from agencies order by name, id limit 1000')

export const upsertAgencies = (db: Queryable, rows: readonly AgencyRow[]): Promise<unknown[]> =>
  db.query(
    `insert into agencies (id, name, match_key)
     select id, name, match_key from jsonb_to_recordset($1::jsonb) as given (id integer, name text, match_key text)
     on conflict (id) do update set name = excluded.name, match_key = excluded.match_key
     where (agencies.name, agencies.match_key) is distinct from (excluded.name, excluded.match_key)`,
    [JSON.stringify(rows)],
  )
