import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cloneDatabase } from '../../../test/databases.ts'
import { testConfig, until } from '../../../test/harness.ts'
import { startRabbitMq } from '../../../test/servers/rabbitmq.ts'
import { startRedis } from '../../../test/servers/redis.ts'
import { startSwift } from '../../../test/servers/swift.ts'
import { readConfig } from '../../config.ts'
import { newId } from '../../lib/id.ts'
import { createBuckets } from '../../storage/index.ts'
import { QUEUES, rabbitMqBroker } from '../../tasks/index.ts'
import { allChecks, type Examined, examine, exitCode } from './index.ts'
import { judgeBackup } from './services.ts'

let folder: string
let clone: Awaited<ReturnType<typeof cloneDatabase>>
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-doctor-'))
  clone = await cloneDatabase()
})
afterAll(async () => {
  await clone.drop()
  await rm(folder, { recursive: true, force: true })
})

const patient = (env: Record<string, string>) => ({
  config: testConfig({ DATABASE_URL: clone.url, STORAGE_FOLDER: join(folder, 'files'), ...env }),
  faults: [],
  version: '1.2.3',
  now: Date.now,
})

const examined = (env: Record<string, string>) => examine(allChecks(patient(env)))
const of = (found: Examined[], component: string) => found.filter(one => one.component === component)
const said = (found: Examined[], component: string) =>
  of(found, component)
    .map(({ what }) => what.fr)
    .join('\n')

const PASSWORD = 'a-password-of-the-test'

/** Nobody listens there. */
const DEAD = {
  DATABASE_URL: `postgres://samaconso_app:${PASSWORD}@127.0.0.1:1/samaconso`,
  REDIS_URL: `redis://samaconso:${PASSWORD}@127.0.0.1:1`,
  RABBITMQ_URL: `amqp://samaconso:${PASSWORD}@127.0.0.1:1`,
  S3_ENDPOINT: 'http://127.0.0.1:1',
  S3_ACCESS_KEY: 'key',
  S3_SECRET_KEY: 'a-secret-key-of-the-test',
  SIC_PORT: '1',
  POSTPAID_PORT: '1',
  SMS_URL: 'http://127.0.0.1:1/',
  // Not 1: `fetch` refuses that one by itself.
  API_URLS: 'http://127.0.0.1:26,http://127.0.0.1:26',
  MONITOR_URL: 'http://127.0.0.1:26',
  PROMETHEUS_URL: 'http://127.0.0.1:26',
}
const COMPONENTS = [
  ...['postgresql', 'redis', 'rabbitmq', 'storage', 'sic', 'postpaid', 'sms', 'fcm'],
  ...['api 1', 'api 2', 'monitor', 'prometheus'],
]

describe('with everything dead', () => {
  it('names each, says why and what to do, shows no secret, and is done in seconds', async () => {
    const startedAt = Date.now()
    const found = await examined(DEAD)
    expect(Date.now() - startedAt).toBeLessThan(10_000)
    expect(exitCode(found)).toBe(2)
    for (const component of COMPONENTS) {
      const faults = of(found, component).filter(({ state }) => state === 'fault')
      expect(faults.length, component).toBeGreaterThan(0)
      for (const { remedy } of faults) expect(remedy?.fr.length, component).toBeGreaterThan(20)
    }
    for (const component of ['postgresql', 'redis', 'rabbitmq', 'storage', 'sms', 'api 1', 'monitor']) {
      expect(said(found, component), component).toContain('refuse la connexion')
    }
    expect(JSON.stringify(found)).not.toMatch(/of-the-test/)
  })

  it('is done in seconds, too, when they are frozen: connected, and silent', async () => {
    const { createServer } = await import('node:net')
    const open = new Set<import('node:net').Socket>()
    const silent = createServer(socket => {
      open.add(socket)
      socket.on('error', () => undefined)
    })
    await new Promise<void>(done => silent.listen(0, '127.0.0.1', done))
    const { port } = silent.address() as { port: number }
    try {
      const frozen = Object.fromEntries(
        Object.entries(DEAD).map(([name, value]) => [
          name,
          /_PORT$/.test(name) ? String(port) : value.replace(/127\.0\.0\.1:\d+/g, `127.0.0.1:${port}`),
        ]),
      )
      const startedAt = Date.now()
      const found = await examined(frozen)
      expect(Date.now() - startedAt).toBeLessThan(10_000)
      for (const component of ['postgresql', 'redis', 'rabbitmq', 'storage', 'sic', 'postpaid', 'api 1']) {
        expect(
          of(found, component).some(({ state }) => state === 'fault'),
          component,
        ).toBe(true)
      }
    } finally {
      for (const socket of open) socket.destroy()
      await new Promise(done => silent.close(done))
    }
  })
})

describe('PostgreSQL', () => {
  it('that is well is told so, and what is wrong in it is named', async () => {
    const well = await examined({})
    expect(
      of(well, 'postgresql')
        .map(({ what }) => what.fr)
        .join(),
    ).toContain('répond, PostgreSQL')
    expect(said(well, 'postgresql')).toContain('structure à jour')
    expect(said(well, 'postgresql')).toContain('son disque prend ce qu’on écrit')
    expect(said(well, 'postgresql')).toContain('aucun planificateur actif')
    expect(said(well, 'postgresql')).not.toContain('mis de côté')

    await clone.db.query("insert into leases values ('scheduler', 'test', now() + interval '1 minute')")
    await clone.db.query("update site set identity = 'another', maintenance_since = now()")
    await clone.db.query("insert into watermarks values ('topups', now(), now() - interval '20 minutes')")
    const [parked, late] = [newId(), newId()]
    await clone.db.query(
      `insert into deliveries (id, notification_id, queue, state, due_at, republish_at) values
         ($1, $1, 'normal', 'parked', now(), now()), ($2, $2, 'normal', 'pending', now() - interval '10 minutes', now())`,
      [parked, late],
    )
    const ill = said(await examined({}), 'postgresql')
    expect(ill).not.toContain('aucun planificateur')
    for (const words of [
      'base restaurée : rien ne part',
      'maintenance',
      '1 envoi(s) mis de côté',
      'aucun administrateur',
      'recharges de SIC lues il y a 1200 s',
    ]) {
      expect(ill).toContain(words)
    }
    const lag = of(await examined({}), 'postgresql').find(({ what }) => what.fr.includes('en retard'))
    expect(lag).toBeDefined()

    await clone.db.query("delete from schema_migrations where name like '0013%'")
    expect(said(await examined({}), 'postgresql')).toContain('structure en retard : 0013_site.sql')
  })

  it('that does not take the password is told apart from one that is away', async () => {
    const url = new URL(clone.url)
    url.password = 'another-password-of-the-test'
    expect(said(await examined({ DATABASE_URL: url.href }), 'postgresql')).toContain('nom ou mot de passe')
  })
})

describe('real servers, alive and then killed', () => {
  it('Redis', async () => {
    const server = await startRedis({ folder: join(folder, 'redis') })
    const alive = await examined({ REDIS_URL: server.url })
    expect(of(alive, 'redis').map(({ state }) => state)).not.toContain('fault')
    expect(said(alive, 'redis')).toContain('répond')
    server.signal('SIGKILL')
    await server.exited
    expect(said(await examined({ REDIS_URL: server.url }), 'redis')).toContain('refuse la connexion')
  })

  it('RabbitMQ, without workers, with them, and gone', { timeout: 150_000 }, async () => {
    const server = await startRabbitMq({ folder: join(folder, 'rabbitmq') })
    try {
      const RABBITMQ_URL = server.url
      expect(said(await examined({ RABBITMQ_URL }), 'rabbitmq')).toContain('la file urgent n’existe pas')
      const broker = rabbitMqBroker({ url: server.url, name: 'test', onError: () => undefined })
      await until('the queues', () => broker.state() === 'ok')
      expect(said(await examined({ RABBITMQ_URL }), 'rabbitmq')).toContain('urgent : aucun worker')
      const consumers = await Promise.all(
        QUEUES.map(queue => broker.consume(queue, 1, async () => undefined)),
      )
      await until(
        'all consumers',
        async () => exitCode(of(await examined({ RABBITMQ_URL }), 'rabbitmq')) === 0,
      )
      expect(said(await examined({ RABBITMQ_URL }), 'rabbitmq')).toContain('prend les messages')
      await server.control('set_vm_memory_high_watermark', '0.00001')
      await until('its alarm', async () =>
        said(await examined({ RABBITMQ_URL }), 'rabbitmq').includes(
          'ne prend plus de messages : manque de mémoire',
        ),
      )
      await server.control('set_vm_memory_high_watermark', '0.4')
      await Promise.all(consumers.map(consumer => consumer.stop()))
      await broker.close()
      const url = new URL(server.url)
      url.password = 'another'
      expect(said(await examined({ RABBITMQ_URL: url.href }), 'rabbitmq')).toContain('nom ou mot de passe')
      server.signal('SIGKILL')
      await server.exited
      expect(said(await examined({ RABBITMQ_URL }), 'rabbitmq')).toContain('refuse la connexion')
    } finally {
      await server.stop()
    }
  })

  it('the object storage: without its buckets, with them, with another key, and gone', {
    timeout: 60_000,
  }, async () => {
    const s3 = await startSwift({ folder: join(folder, 's3') })
    const env = {
      S3_ENDPOINT: s3.endpoint,
      S3_REGION: s3.region,
      S3_ACCESS_KEY: s3.accessKey,
      S3_SECRET_KEY: s3.secretKey,
    }
    try {
      expect(said(await examined(env), 'storage')).toContain('compartiment')
      await createBuckets(s3)
      expect(said(await examined(env), 'storage')).toContain('écrit, lit et efface')
      expect(said(await examined({ ...env, S3_SECRET_KEY: 'another' }), 'storage')).toContain(
        'refuse notre clé',
      )
    } finally {
      await s3.stop()
    }
    expect(said(await examined(env), 'storage')).toContain('refuse la connexion')
  })
})

it('faults of the configuration are told one by one, and the rest is examined all the same', async () => {
  const { config, faults } = readConfig({ DATABASE_URL: clone.url, PORT: 'eight', LOG_LEVEL: 'loud' })
  const found = await examine(allChecks({ config, faults, version: '1', now: Date.now }))
  expect(said(found, 'configuration')).toContain('PORT must be a whole number')
  expect(said(found, 'configuration')).toContain('LOG_LEVEL')
  expect(said(found, 'postgresql')).toContain('répond')
})

it('a backup is judged by its age, its success, and by whether it was ever restored', () => {
  const now = Date.parse('2026-07-03T12:00:00Z')
  const good = {
    finishedAt: '2026-07-03T02:10:00Z',
    ok: true,
    bytes: 5,
    restoreProvenAt: '2026-06-20T00:00:00Z',
  }
  const states = (status: object) => judgeBackup({ ...good, ...status }, now).map(({ state }) => state)
  expect(states({})).toEqual(['ok', 'ok'])
  expect(states({ finishedAt: '2026-07-01T12:00:00Z' })).toEqual(['warning', 'ok'])
  expect(states({ finishedAt: '2026-06-01T02:00:00Z' })).toEqual(['fault', 'ok'])
  expect(states({ ok: false })).toEqual(['fault', 'ok'])
  expect(states({ bytes: 0 })).toEqual(['fault', 'ok'])
  expect(states({ restoreProvenAt: undefined })).toEqual(['ok', 'warning'])
})

it('the command: JSON, an exit code, French by default and English when asked', {
  timeout: 60_000,
}, async () => {
  await writeFile(join(folder, 'database-url'), clone.url)
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, ['src/main.ts', 'doctor', ...args], {
      env: {
        PATH: process.env.PATH,
        LANG: 'fr_FR.UTF-8',
        DATABASE_URL_FILE: join(folder, 'database-url'),
        STORAGE_FOLDER: join(folder, 'files'),
      },
    }).then(
      () => ({ code: 0, stdout: '' }),
      (error: { code: number; stdout: string }) => error,
    )
  const text = await run()
  expect(text.code).toBe(2)
  expect(text.stdout).toMatch(/✗ configuration .*PEPPER is missing/)
  expect(text.stdout).toMatch(/\d+ panne\(s\), \d+ avertissement\(s\), [\d.]+ s/)
  const json = JSON.parse((await run('--json', '--lang', 'en')).stdout)
  expect(json.state).toBe('fault')
  expect(json.ms).toBeLessThan(10_000)
  expect(json.checks.find((one: { component: string }) => one.component === 'postgresql').what).toContain(
    'PostgreSQL',
  )
})
