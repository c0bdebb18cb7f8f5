import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { migrate, openDatabase } from '../src/db/index.ts'
import { startEmbeddedPostgres } from '../src/roles/embedded/postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The server's superuser: makes and drops the databases of test files. */
    adminUrl: string
    /** The application's role on the migrated database that test files clone. */
    templateUrl: string
  }
}

/** One real PostgreSQL for all test files; each clones the migrated database. Fails when a connection is left behind. */
export default async function setup(project: TestProject) {
  const folder = await mkdtemp(join(tmpdir(), 'samaconso-test-'))
  const server = await startEmbeddedPostgres({ folder, throwaway: true })
  const db = openDatabase({ url: server.url })
  await migrate(db)
  await db.close()
  project.provide('adminUrl', server.adminUrl)
  project.provide('templateUrl', server.url)
  return async () => {
    const client = new pg.Client({ connectionString: server.adminUrl })
    await client.connect()
    const { rows } = await client.query(
      "select datname, left(query, 200) query from pg_stat_activity where usename = 'samaconso_app'",
    )
    await client.end()
    await server.stop()
    await rm(folder, { recursive: true, force: true })
    if (rows.length > 0) throw new Error(`Connections left open by tests: ${JSON.stringify(rows)}`)
  }
}
