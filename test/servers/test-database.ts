import { randomBytes } from 'node:crypto'
import { escapeIdentifier } from 'pg'
import { migrate, openDatabase } from '../../src/db/index.ts'
import { openConnections } from './connections.ts'
import { startDatabase } from './database.ts'
import { withClient } from './postgres.ts'
import type { TestRun } from './run.ts'

/** The database that test files clone, and how they reach it. */
export interface TestDatabase {
  /** The server's superuser: makes and drops the databases of test files. */
  adminUrl: string
  /** The application's role on the migrated template, through PgBouncer. */
  templateUrl: string
  /** PgBouncer's console; empty when somebody's own servers are used. */
  consoleUrl: string
}

/** Whom PostgreSQL and PgBouncer serve besides tests is none of our business: everything of a run has its name. */
const newName = () => `samaconso_test_${randomBytes(4).toString('hex')}`

/** Makes the migrated template, on servers of the run's own or on those that the environment gives. */
export async function openTestDatabase(
  run: TestRun,
  env: Record<string, string | undefined>,
): Promise<TestDatabase> {
  const name = newName()
  const { adminUrl, url, consoleUrl } = await serversOf(run, env)
  const templateUrl = databaseUrl(url, name)
  const owner = new URL(url).username
  const asAdmin = (sql: string) => withClient(adminUrl, client => client.query(sql))

  await asAdmin(`create database ${name} owner ${escapeIdentifier(owner)}`)
  await run.start('template', async () => ({
    async stop() {
      await asAdmin(`alter database ${name} is_template false`)
      await asAdmin(`drop database ${name} with (force)`)
    },
  }))
  const db = openDatabase({ url: templateUrl, pool: 1, statementTimeout: 60_000 })
  await migrate(db).finally(() => db.close())
  // Nobody works on it: a connection to it would hold clones up, also one that PgBouncer keeps for the next.
  await asAdmin(`alter database ${name} allow_connections false is_template true`)
  await asAdmin(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '${name}'`)

  run.onEnd(() => databasesLeft(adminUrl, name))
  if (consoleUrl) run.onEnd(() => openConnections(adminUrl, consoleUrl, { role: owner }))
  return { adminUrl, templateUrl, consoleUrl }
}

/** The same role and server, another database. */
export function databaseUrl(url: string, database: string): string {
  const other = new URL(url)
  other.pathname = `/${database}`
  return other.href
}

async function serversOf(run: TestRun, env: Record<string, string | undefined>) {
  const { TEST_DATABASE_ADMIN_URL: adminUrl, TEST_DATABASE_URL: url } = env
  if (adminUrl && url) return { adminUrl, url, consoleUrl: '' }
  const own = await run.start('database', folder => startDatabase({ folder, throwaway: true }))
  return { adminUrl: own.adminUrl, url: own.url, consoleUrl: own.pgbouncer.consoleUrl }
}

async function databasesLeft(adminUrl: string, name: string): Promise<string[]> {
  const { rows } = await withClient(adminUrl, client =>
    client.query<{ datname: string }>('select datname from pg_database where starts_with(datname, $1)', [
      `${name}_`,
    ]),
  )
  return rows.map(({ datname }) => `database ${datname}: a clone that was not dropped`)
}
