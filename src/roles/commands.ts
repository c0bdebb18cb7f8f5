import { join } from 'node:path'
import { settingOf } from '../config.ts'
import { type Database, migrate, openDatabase } from '../db/index.ts'
import { claimDataDir, dataDirOf, readRunFile } from './embedded/data-dir.ts'
import { startEmbeddedPostgres } from './embedded/postgres.ts'
import { loadSecrets } from './embedded/secrets.ts'

type Env = Record<string, string | undefined>

/**
 * Runs `work` on the database that commands mean: the one of DATABASE_URL; else the one of the embedded SamaConso that
 * runs on DATA_DIR; else the one in DATA_DIR, started for the time of the command.
 */
export async function withDatabase<T>(
  env: Env,
  work: (db: Database, pepper: string) => Promise<T>,
): Promise<T> {
  const dir = dataDirOf(env)
  // As every setting, they may come from a file.
  let url = settingOf(env, 'databaseUrl')
  let pepper = settingOf(env, 'pepper')
  let stop = async () => undefined as unknown
  if (!url) {
    const running = await readRunFile(dir)
    if (running) url = running.databaseUrl
    else {
      const { release } = await claimDataDir(dir)
      const server = await startEmbeddedPostgres({ folder: join(dir, 'postgres') })
      url = server.url
      stop = async () => {
        await server.stop()
        await release()
      }
    }
    pepper = (await loadSecrets(dir)).PEPPER
  }
  if (!pepper) throw new Error('PEPPER is missing: it is mixed into the hashes of PINs.')
  const db = openDatabase({ url, pool: 4, statementTimeout: 600_000 })
  try {
    await migrate(db)
    return await work(db, pepper)
  } finally {
    await db.close()
    await stop()
  }
}

/** Brings the database up to date and says what was done. */
export async function runMigrate(env: Env): Promise<void> {
  const url = settingOf(env, 'databaseUrl')
  if (!url) throw new Error('DATABASE_URL is missing: the database to bring up to date.')
  const db = openDatabase({ url, pool: 1, statementTimeout: 3_600_000 })
  const applied = await migrate(db).finally(() => db.close())
  process.stdout.write(applied.length === 0 ? 'Nothing to do.\n' : `Applied: ${applied.join(', ')}\n`)
}
