import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { type Database, openDatabase } from '../src/db/index.ts'
import { openConnections } from './servers/connections.ts'
import { withClient } from './servers/postgres.ts'
import { databaseUrl } from './servers/test-database.ts'

export interface Clone {
  /** Through PgBouncer in transaction mode, as in production. */
  url: string
  /** Past PgBouncer, for what is told of a server's own connection. */
  directUrl: string
  db: Database
  /** Closes `db` and drops the database; rejects when somebody else's connection to it was left open. */
  drop(): Promise<void>
}

/** How long an ended connection may take to be noticed. */
const NOTICED_MS = 2_000

/** A database of the test file's own, cloned from the migrated one. */
export async function cloneDatabase(): Promise<Clone> {
  const template = inject('templateUrl')
  const { pathname, username, password } = new URL(template)
  const name = `${pathname.slice(1)}_${randomBytes(4).toString('hex')}`
  await makeDatabase(`create database ${name} template ${pathname.slice(1)} owner ${username}`)
  const url = databaseUrl(template, name)
  const direct = new URL(databaseUrl(inject('adminUrl'), name))
  direct.username = username
  direct.password = password
  const db = openDatabase({ url })
  return {
    url,
    directUrl: direct.href,
    db,
    async drop() {
      await db.close()
      const left = await connectionsTo(name)
      await withClient(inject('adminUrl'), client => client.query(`drop database ${name} with (force)`))
      if (left.length > 0) throw new Error(`Left open by the test: ${left.join('; ')}`)
    },
  }
}

async function makeDatabase(sql: string): Promise<void> {
  await withClient(inject('adminUrl'), async client => {
    // Cloning waits for another clone of the same template to end.
    for (let attempt = 1; ; attempt++) {
      try {
        await client.query(sql)
        return
      } catch (error) {
        if ((error as { code?: string }).code !== '55006' || attempt === 100) throw error
        await new Promise(done => setTimeout(done, 50))
      }
    }
  })
}

/** Who is connected to this database, once those that said goodbye are gone. */
async function connectionsTo(database: string): Promise<string[]> {
  const [adminUrl, consoleUrl] = [inject('adminUrl'), inject('consoleUrl')]
  if (!consoleUrl) return []
  for (const deadline = Date.now() + NOTICED_MS; ; ) {
    const open = await openConnections(adminUrl, consoleUrl, { database })
    if (open.length === 0 || Date.now() > deadline) return open
    await new Promise(done => setTimeout(done, 20))
  }
}
