import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { startEngine } from '../../test/engine.ts'
import { signedIn, type TestServices, testServices, until, withDevice } from '../../test/harness.ts'
import { postgresPrograms, startPostgres, withClient } from '../../test/servers/postgres.ts'
import { serverUser } from '../../test/servers/user.ts'
import { migrate, openDatabase } from '../db/index.ts'
import { newId } from '../lib/id.ts'
import { randomSecret } from '../lib/secrets.ts'
import { sweepBroadcasts } from '../modules/broadcasts/index.ts'
import { sweepDeliveries } from '../modules/notifications/index.ts'
import { deleteCustomer, replayDeletions } from '../modules/privacy/index.ts'
import { ensureAppDatabase } from '../roles/embedded/postgres.ts'
import { folderStorage } from '../storage/index.ts'
import { confirmBroadcasts, declareRestored, restorationState, settleRestoration } from './restoration.ts'

const OPERATOR = { id: null, role: 'operator', requestId: 'test' }

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-restored-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

let folders = 0
async function withStorage(): Promise<TestServices> {
  const services = await testServices()
  services.storage = folderStorage({ folder: join(folder, `files-${++folders}`) })
  return services
}

/** A message to one customer that is due. */
async function pendingNotification({ db }: TestServices, customerId: string): Promise<string> {
  const id = newId()
  await db.query(
    `insert into notifications (id, customer_id, type, priority, title, body, expires_at)
     values ($1, $2, 'message', 'normal', 'Bonjour', 'À vous seule', now() + interval '1 day')`,
    [id, customerId],
  )
  await db.query("insert into deliveries (id, notification_id, queue) values ($1, $2, 'normal')", [
    newId(),
    id,
  ])
  return id
}

async function broadcastIn({ db }: TestServices, state: 'running' | 'scheduled'): Promise<string> {
  const [id, author] = [newId(), newId()]
  await db.query(
    `insert into accounts (id, role, login, first_name, last_name, name_key, family_key, secret_hash)
     values ($1::uuid, 'admin', $1::text, 'A', 'B', 'a b', 'b a', 'none')`,
    [author],
  )
  await db.query(
    `insert into broadcasts (id, state, audience, content, priority, expires_at, created_by, started_at, scheduled_at, customers, devices)
     values ($1, $2, '{"kind":"everyone"}', '{"fr":{"title":"Coupure","body":"À 18 h"}}', 'normal', now() + interval '1 day',
       $3, case when $2 = 'running' then now() end, now(), 1, 1)`,
    [id, state, author],
  )
  return id
}

const stateOf = async ({ db }: TestServices, id: string) =>
  (await db.query<{ state: string }>('select state from broadcasts where id = $1', [id]))[0]?.state

/** As the scheduler does every second, and as long as a message may take. */
async function sweeps(services: TestServices): Promise<void> {
  for (let i = 0; i < 10; i++) {
    await sweepDeliveries(services)
    await sweepBroadcasts(services)
    await new Promise(done => setTimeout(done, 50))
  }
}

describe('a restored database', () => {
  it('sends nothing before deletions were done again; then single messages go, and broadcasts wait for the confirmation', async () => {
    const services = await withStorage()
    try {
      const [awa, gone] = [await signedIn(services), await signedIn(services)]
      await withDevice(services, awa.id, 'sim-awa')
      await withDevice(services, gone.id, 'sim-gone')
      const running = await broadcastIn(services, 'running')
      const scheduled = await broadcastIn(services, 'scheduled')
      const single = await pendingNotification(services, awa.id)
      await pendingNotification(services, gone.id)
      // Asked for after the copy was made: it is in the journal, and the copy has the customer.
      await services.db.query('create table copy as select * from accounts where id = $1', [gone.id])
      await deleteCustomer(services, OPERATOR, gone.id)
      await services.db.query(
        `insert into accounts (id, role, phone, first_name, last_name, name_key, family_key, secret_hash)
         select id, role, phone, first_name, last_name, name_key, family_key, secret_hash from copy`,
      )
      await withDevice(services, gone.id, 'sim-gone')
      await services.db.query("update site set identity = 'another'")

      const engine = await startEngine(services)
      try {
        await sweeps(services)
        expect(services.pushes).toEqual([])
        expect((await restorationState(services)).open).toBe(false)

        expect(await settleRestoration(services)).toBe(1)
        await services.db.query('update deliveries set republish_at = now()')
        await until('the single message', async () => {
          await sweepDeliveries(services)
          return services.pushes.length > 0
        })
        await sweeps(services)
        expect(services.pushes.map(push => [push.token, push.notificationId])).toEqual([['sim-awa', single]])
        expect(await services.db.query('select 1 from accounts where id = $1', [gone.id])).toEqual([])
        const state = await restorationState(services)
        expect(state.open).toBe(true)
        expect(state.last).toMatchObject({ deletions: 1, confirmedAt: null })
        expect(state.held.map(({ id, was }) => [id, was])).toEqual([
          [running, 'running'],
          [scheduled, 'scheduled'],
        ])

        await confirmBroadcasts(services, 'Chef d’exploitation')
        await until('both broadcasts', async () => {
          await sweepBroadcasts(services)
          await sweepDeliveries(services)
          return services.pushes.length === 3
        })
        expect(await stateOf(services, running)).not.toBe('paused')
        expect((await restorationState(services)).held).toEqual([])
        expect((await restorationState(services)).last?.confirmedBy).toBe('Chef d’exploitation')
        const acts = await services.db.query<{ n: number }>(
          "select count(*) n from audit where action = 'broadcast.confirm'",
        )
        expect(acts[0]?.n).toBe(2)
      } finally {
        await engine.stop()
      }
    } finally {
      await services.close()
    }
  })

  it('stays closed while the storage, where deletions are written down, is away', async () => {
    const services = await testServices()
    try {
      const awa = await signedIn(services)
      await withDevice(services, awa.id, 'sim-awa')
      await pendingNotification(services, awa.id)
      await services.db.query("update site set identity = 'another'")
      const engine = await startEngine(services)
      await expect(settleRestoration(services)).rejects.toThrow()
      await sweeps(services)
      await engine.stop()
      expect(services.pushes).toEqual([])
      expect((await restorationState(services)).open).toBe(false)
    } finally {
      await services.close()
    }
  })

  it('sends no SMS that may have been sent since the copy', async () => {
    const services = await withStorage()
    try {
      await services.db.query(
        `insert into sms_messages (id, phone, sealed_text, expires_at) values ($1, '+221770000001', 'x', now() + interval '1 hour')`,
        [newId()],
      )
      expect(await declareRestored(services)).toBe(0)
      expect(await services.db.query('select state, sealed_text from sms_messages')).toEqual([
        { state: 'ambiguous', sealed_text: null },
      ])
    } finally {
      await services.close()
    }
  })

  it('is no other when its server only restarts or it is cloned: nothing happens', async () => {
    const services = await withStorage()
    try {
      expect(await settleRestoration(services)).toBeUndefined()
      expect(await restorationState(services)).toEqual({ open: true, last: undefined, held: [] })
    } finally {
      await services.close()
    }
  })
})

describe('how it is recognised', () => {
  it('after pg_dump and pg_restore of the tables', async () => {
    const services = await withStorage()
    const programs = (await postgresPrograms()) as string
    const dump = join(folder, 'nightly.dump')
    try {
      const [{ name } = { name: '' }] = await services.db.query<{ name: string }>(
        'select current_database() name',
      )
      const at = (database: string) =>
        Object.assign(new URL(inject('adminUrl')), { pathname: `/${database}` }).href
      const run = promisify(execFile)
      const restored = `${name}_restored`
      await run(join(programs, 'pg_dump'), ['-F', 'c', '-f', dump, at(name)])
      await withClient(at('postgres'), client => client.query(`create database ${restored}`))
      try {
        await run(join(programs, 'pg_restore'), ['-d', at(restored), dump])
        const { rows } = await withClient(at(restored), client =>
          client.query('select delivery_is_open() open'),
        )
        expect(rows).toEqual([{ open: false }])
      } finally {
        await withClient(at('postgres'), client => client.query(`drop database ${restored}`))
      }
      expect((await restorationState(services)).open).toBe(true)
    } finally {
      await services.close()
    }
  })

  it('after a restoration to a point in time', { timeout: 60_000 }, async () => {
    const root = join(folder, 'server')
    const password = randomSecret()
    const options = { folder: root, throwaway: true }
    let server = await startPostgres(options)
    try {
      await ensureAppDatabase(server.adminUrl, password)
      const url = (port: number) => `postgres://samaconso_app:${password}@127.0.0.1:${port}/samaconso`
      const db = openDatabase({ url: url(server.port) })
      await migrate(db)
      await db.close()
      const open = async () => {
        const rows = await withClient(url(server.port), client =>
          client.query('select delivery_is_open() open'),
        )
        return rows.rows[0]?.open
      }
      expect(await open()).toBe(true)
      await server.stop()
      server = await startPostgres(options)
      expect(await open()).toBe(true)
      await server.stop()
      // What a restore tool leaves: the files of the copy, and the order to recover from the archived log.
      await cp(join(root, 'data'), join(root, 'copy'), { recursive: true })
      await rm(join(root, 'data'), { recursive: true })
      await cp(join(root, 'copy'), join(root, 'data'), { recursive: true })
      await writeFile(join(root, 'data', 'recovery.signal'), '')
      await promisify(execFile)('chmod', ['-R', 'u=rwX,go=', join(root, 'data')])
      const user = await serverUser(root)
      await user.give(join(root, 'data'))
      await promisify(execFile)('chown', ['-R', '--reference', join(root, 'copy'), join(root, 'data')]).catch(
        () => undefined,
      )
      server = await startPostgres({ ...options, settings: { restore_command: 'false' } })
      await until('the end of recovery', async () => {
        const rows = await withClient(url(server.port), client =>
          client.query('select pg_is_in_recovery() r'),
        )
        return rows.rows[0]?.r === false
      })
      expect(await open()).toBe(false)
    } finally {
      await server.stop()
    }
  })
})

describe('a deletion that was asked for', () => {
  it('takes everything of the customer, keeps nothing of the person in the audit, and can be done again', async () => {
    const services = await withStorage()
    try {
      const awa = await signedIn(services, { firstName: 'Effacee' })
      await withDevice(services, awa.id, 'sim-effacee')
      await deleteCustomer(services, OPERATOR, awa.id)
      for (const table of ['accounts where id', 'devices where customer_id', 'sessions where account_id']) {
        expect(await services.db.query(`select 1 from ${table} = $1`, [awa.id])).toEqual([])
      }
      const audit = await services.db.query('select action, detail from audit where customer_id = $1', [
        awa.id,
      ])
      expect(audit).toEqual([{ action: 'customer.delete', detail: {} }])
      expect(await replayDeletions(services, OPERATOR)).toBe(0)
    } finally {
      await services.close()
    }
  })

  it('of nobody is refused and leaves no trace', async () => {
    const services = await withStorage()
    try {
      await expect(deleteCustomer(services, OPERATOR, newId())).rejects.toThrow('Not found')
      const admin = await signedIn(services, { role: 'admin' })
      await expect(deleteCustomer(services, OPERATOR, admin.id)).rejects.toThrow('Not found')
      expect(await services.db.query('select 1 from accounts where id = $1', [admin.id])).toHaveLength(1)
    } finally {
      await services.close()
    }
  })
})
