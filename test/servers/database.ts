import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { randomSecret } from '../../src/lib/secrets.ts'
import { ensureAppDatabase } from '../../src/roles/embedded/postgres.ts'
import { keptOrMade } from '../../src/roles/embedded/secrets.ts'
import { type PgBouncerServer, startPgBouncer } from './pgbouncer.ts'
import { type PostgresServer, startPostgres } from './postgres.ts'

/** PostgreSQL behind PgBouncer, as in production. A drill that starts one of them again puts it in its place here. */
export interface DatabaseServers {
  postgres: PostgresServer
  pgbouncer: PgBouncerServer
  /** The superuser, past PgBouncer. */
  adminUrl: string
  /** The application's role on its database, through PgBouncer. Any other database by its name in the path. */
  url: string
  stop(): Promise<void>
}

export interface DatabaseServersOptions {
  folder: string
  /** Gives up durability for speed. */
  throwaway?: boolean
}

/** Starts both, with the application's role and its empty database. */
export async function startDatabase({ folder, throwaway }: DatabaseServersOptions): Promise<DatabaseServers> {
  await mkdir(folder, { recursive: true })
  const postgres = await startPostgres({ folder: join(folder, 'postgres'), throwaway })
  try {
    const { app } = await keptOrMade(join(folder, 'app.json'), () => ({ app: randomSecret() }))
    await ensureAppDatabase(postgres.adminUrl, app)
    const pgbouncer = await startPgBouncer({
      folder: join(folder, 'pgbouncer'),
      adminUrl: postgres.adminUrl,
    })
    const servers: DatabaseServers = {
      postgres,
      pgbouncer,
      adminUrl: postgres.adminUrl,
      url: `postgres://samaconso_app:${app}@127.0.0.1:${pgbouncer.port}/samaconso`,
      async stop() {
        await servers.pgbouncer.stop()
        await servers.postgres.stop()
      },
    }
    return servers
  } catch (error) {
    await postgres.stop()
    throw error
  }
}
