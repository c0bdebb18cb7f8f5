import type { Queryable } from '../../db/index.ts'

/** The last known copy of an answer. */
export interface CopyRow {
  body: unknown
  as_of: Date
}

export async function readCopy(db: Queryable, meterId: string, what: string): Promise<CopyRow | null> {
  const [row] = await db.query<CopyRow>(
    'select body, as_of from backoffice_copies where meter_id = $1 and what = $2',
    [meterId, what],
  )
  return row ?? null
}

/** Keeps a newer answer when it says something else, or the copy is older than a minute: most readings write nothing. */
export const keepCopy = (
  db: Queryable,
  meterId: string,
  what: string,
  body: string,
  asOf: Date,
): Promise<unknown[]> =>
  db.query(
    `insert into backoffice_copies as kept (meter_id, what, body, as_of) values ($1, $2, $3::jsonb, $4)
     on conflict (meter_id, what) do update set body = excluded.body, as_of = excluded.as_of
     where kept.as_of < excluded.as_of
       and (kept.body <> excluded.body or kept.as_of < excluded.as_of - interval '1 minute')`,
    [meterId, what, body, asOf],
  )
