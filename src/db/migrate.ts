import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { Database } from './database.ts'

/** One migrates at a time, for as long as it takes: the limits of the application's role are for customers' queries. */
const LOCK =
  "set local statement_timeout = 0; select pg_advisory_xact_lock(hashtextextended('samaconso migrations', 0))"
const FOLDER = new URL('../../migrations/', import.meta.url)

/** The database was made by another version of a migration than the one that is here. */
export class MigrationChanged extends Error {
  constructor(file: string) {
    super(`Migration ${file} was changed after it had been applied: write a new one instead.`)
    this.name = 'MigrationChanged'
  }
}

/**
 * Applies the migrations that are missing, in order, each in a transaction of its own; several processes may call it at
 * once. Refuses a file that was changed after it had been applied. Returns the names it applied. Give it a
 * `db` whose `statementTimeout` leaves time for the longest.
 */
export async function migrate(db: Database, folder: URL = FOLDER): Promise<string[]> {
  await db.tx(async tx => {
    await tx.query(LOCK)
    await tx.query(
      'create table if not exists schema_migrations (name text primary key, checksum text not null, applied_at timestamptz not null default now())',
    )
  })
  const applied: string[] = []
  for (const name of (await readdir(folder)).filter(file => file.endsWith('.sql')).sort()) {
    const sql = await readFile(new URL(name, folder), 'utf8')
    if (!/^-- (safe|breaking: )/.test(sql)) {
      throw new Error(`Migration ${name} must start with "-- safe" or "-- breaking: how it is rolled out".`)
    }
    const checksum = createHash('sha256').update(sql).digest('hex')
    const isNew = await db.tx(async tx => {
      await tx.query(LOCK)
      const [known] = await tx.query<{ checksum: string }>(
        'select checksum from schema_migrations where name = $1',
        [name],
      )
      if (known && known.checksum !== checksum) {
        throw new MigrationChanged(name)
      }
      if (known) return false
      await tx.query(sql)
      await tx.query('insert into schema_migrations (name, checksum) values ($1, $2)', [name, checksum])
      return true
    })
    if (isNew) applied.push(name)
  }
  return applied
}
