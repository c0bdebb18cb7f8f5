import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Database, openDatabase } from '../../src/db/index.ts'
import { until } from '../harness.ts'
import { processesOf } from '../processes.ts'
import { openConnections } from './connections.ts'
import { type DatabaseServers, startDatabase } from './database.ts'
import { startPgBouncer } from './pgbouncer.ts'
import { startPostgres, withClient } from './postgres.ts'

let folder: string
let servers: DatabaseServers
let db: Database
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-database-'))
  await chmod(folder, 0o711)
  servers = await startDatabase({ folder })
  db = openDatabase({ url: servers.url, pool: 4 })
  await db.query('create table kept (n integer)')
}, 60_000)
afterAll(async () => {
  await db.close()
  await servers.stop()
  expect(await processesOf(folder)).toEqual([])
  await rm(folder, { recursive: true })
})

describe('the database as in production', () => {
  it('is reached through PgBouncer, by the application’s role with its limits', async () => {
    const [row] = await db.query<Record<string, string>>(
      "select current_user as role, current_setting('statement_timeout') as limit, current_setting('application_name') as name",
    )
    expect(row).toEqual({ role: 'samaconso_app', limit: '10s', name: 'samaconso' })
    expect(
      await openConnections(servers.adminUrl, servers.pgbouncer.consoleUrl, { role: 'samaconso_app' }),
    ).toEqual(['connection to samaconso through PgBouncer (samaconso)'])
  })

  it('takes a wrong password for what it is', async () => {
    const wrong = servers.url.replace(/:[^:@/]+@/, ':wrong@')
    await expect(withClient(wrong, async () => undefined)).rejects.toThrow('SASL authentication failed')
  })

  it('does not let the superuser in through PgBouncer', async () => {
    const { password } = new URL(servers.adminUrl)
    const through = `postgres://postgres:${password}@127.0.0.1:${servers.pgbouncer.port}/postgres`
    await expect(withClient(through, async () => undefined)).rejects.toThrow()
  })

  it('gives a connection back after every transaction', async () => {
    const clients = Array.from({ length: 20 }, () => openDatabase({ url: servers.url, pool: 1 }))
    for (const client of clients) await client.query('select 1')
    const { rows } = await withClient(servers.adminUrl, client =>
      client.query("select 1 from pg_stat_activity where usename = 'samaconso_app'"),
    )
    expect(rows.length).toBeLessThan(10)
    await Promise.all(clients.map(client => client.close()))
  })
})

describe('a drill', () => {
  const rows = () => db.query('select n from kept')

  it('PgBouncer killed and started again on its port: callers go on', async () => {
    const { port } = servers.pgbouncer
    servers.pgbouncer.signal('SIGKILL')
    await servers.pgbouncer.exited
    await expect(rows()).rejects.toMatchObject({ code: 'unavailable' })
    servers.pgbouncer = await startPgBouncer({
      folder: join(folder, 'pgbouncer'),
      adminUrl: servers.adminUrl,
      port,
    })
    expect(await rows()).toEqual([])
  })

  it('PostgreSQL killed and started again on its folder and port: callers go on within seconds, with the data', async () => {
    await db.query('insert into kept values (1)')
    const { port } = servers.postgres
    servers.postgres.signal('SIGKILL')
    await servers.postgres.exited
    // A backend that it left goes on until it notices.
    await until('the loss', () =>
      rows().then(
        () => false,
        error => error.code === 'unavailable',
      ),
    )
    servers.postgres = await startPostgres({ folder: join(folder, 'postgres'), port })
    await until('the database', () => rows().then(Boolean, () => false), 5_000)
    expect(await rows()).toEqual([{ n: 1 }])
  })

  it('a process that starts them and is killed takes them along', async () => {
    const own = await mkdtemp(join(tmpdir(), 'samaconso-orphans-'))
    const script = `import { startDatabase } from ${JSON.stringify(new URL('database.ts', import.meta.url).href)}
      await startDatabase({ folder: ${JSON.stringify(own)}, throwaway: true })
      console.log('there')`
    const starter = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    starter.stdout.on('data', chunk => {
      said += chunk
    })
    await until('its servers', () => said.includes('there'), 30_000)
    expect((await processesOf(own)).length).toBeGreaterThan(2)
    starter.kill('SIGKILL')
    await until('their end', async () => (await processesOf(own)).length === 0)
    expect(await readFile(join(own, 'pgbouncer', 'pgbouncer.log'), 'utf8')).toContain('got SIGTERM')
    await rm(own, { recursive: true })
  }, 60_000)
})
