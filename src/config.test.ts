import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConfigError, envExample, loadConfig, SETTINGS, settingOf } from './config.ts'
import { randomSecret } from './lib/secrets.ts'

const pem = (type: 'ed25519' | 'x25519') =>
  (type === 'ed25519' ? generateKeyPairSync(type) : generateKeyPairSync(type)).privateKey
    .export({ type: 'pkcs8', format: 'pem' })
    .toString()

const complete = {
  DATABASE_URL: `postgres://samaconso_app:${randomSecret()}@db.example.com:6432/samaconso`,
  MONITOR_PASSWORD: randomSecret(),
  TOKEN_KEY: pem('ed25519'),
  PEPPER: randomSecret(),
  SEAL_KEY: randomSecret(),
  SIC_PASSWORD: randomSecret(),
  POSTPAID_PASSWORD: randomSecret(),
  FCM_SERVICE_ACCOUNT_FILE: '/run/secrets/fcm.json',
  SMS_URL: 'https://sms.example.com/soap',
}

function faultsOf(env: Record<string, string | undefined>): string[] {
  try {
    loadConfig(env)
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).faults
  }
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-config-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('the configuration', () => {
  it('is complete with what is required, and takes the documented defaults', () => {
    expect(loadConfig(complete)).toMatchObject({
      mode: 'production',
      host: '127.0.0.1',
      port: 8001,
      monitorPort: 5555,
      trustedBalancers: [],
      pushChunk: 500,
      drainSeconds: 35,
    })
  })

  it('says every fault at once, each by the name of its variable', () => {
    const faults = faultsOf({
      ...complete,
      PORT: '70000',
      LOG_LEVEL: 'loud',
      DATABASE_POOL: '1.5',
      WORKER_SLOTS: '0',
      PEPPER: 'short',
      SMS_URL: undefined,
    })
    expect(faults.map(fault => fault.split(' ')[0]).sort()).toEqual(
      ['DATABASE_POOL', 'LOG_LEVEL', 'PEPPER', 'PORT', 'SMS_URL', 'WORKER_SLOTS'].sort(),
    )
    expect(faults.find(fault => fault.startsWith('PORT'))).toContain('from 0 to 65535')
  })

  it('names everything that is missing when nothing is given, with its meaning', () => {
    const faults = faultsOf({})
    expect(faults.map(fault => fault.split(' ')[0]).sort()).toEqual(Object.keys(complete).sort())
    for (const fault of faults) expect(fault).toMatch(/ is missing: \S/)
  })

  it.each(['', ' ', '-1', '0x10', '1e3', 'NaN', '99999999999'])('takes %j for no whole number', value => {
    // An empty variable is one that is not set.
    expect(faultsOf({ ...complete, DATABASE_POOL: value })).toHaveLength(value === '' ? 0 : 1)
  })

  it('splits lists', () => {
    const config = loadConfig({ ...complete, TRUSTED_BALANCERS: ' 192.0.2.1 ,192.0.2.2,' })
    expect(config.trustedBalancers).toEqual(['192.0.2.1', '192.0.2.2'])
  })
})

describe('a secret', () => {
  it('comes from a file as well, without the line end', async () => {
    const file = join(folder, 'pepper')
    const pepper = randomSecret()
    await writeFile(file, `${pepper}\n`)
    expect(loadConfig({ ...complete, PEPPER: undefined, PEPPER_FILE: file }).pepper).toBe(pepper)
  })

  it('given directly goes before its file', () => {
    expect(loadConfig({ ...complete, PEPPER_FILE: '/nonexistent' }).pepper).toBe(complete.PEPPER)
  })

  it('in a file that cannot be read is a fault that names the variable and the reason', () => {
    const faults = faultsOf({ ...complete, PEPPER: undefined, PEPPER_FILE: join(folder, 'none') })
    expect(faults).toEqual(['PEPPER cannot be read from the file in PEPPER_FILE (ENOENT).'])
    expect(faultsOf({ ...complete, PEPPER: undefined, PEPPER_FILE: folder })[0]).toContain('EISDIR')
  })

  it('is read by those commands too that need nothing else', async () => {
    const file = join(folder, 'database-url')
    await writeFile(file, 'postgres://somebody@somewhere/samaconso\n')
    expect(settingOf({ DATABASE_URL_FILE: file }, 'databaseUrl')).toBe(
      'postgres://somebody@somewhere/samaconso',
    )
    expect(settingOf({}, 'databaseUrl')).toBeUndefined()
  })

  it.each([
    'admin',
    'changeme-changeme-changeme',
    'Admin-demo-2026-and-more',
    'password12345678',
    'this-is-an-example-secret',
    'secret',
    'samaconso-production',
  ])('that is well known (%s) is refused in production', value => {
    expect(faultsOf({ ...complete, SEAL_KEY: value })).toEqual([
      'SEAL_KEY holds a well-known value: choose a secret of your own.',
    ])
  })

  it('that is short is refused in production', () => {
    expect(faultsOf({ ...complete, MONITOR_PASSWORD: 'abcdefghijklmno' })).toEqual([
      'MONITOR_PASSWORD must have at least 16 characters.',
    ])
  })

  it('inside the database’s address is held to the same rule, the rest of the address is not', () => {
    const url = (password: string) => `postgres://samaconso_app:${password}@db.example.com:6432/samaconso`
    expect(faultsOf({ ...complete, DATABASE_URL: url('changeme') })).toHaveLength(1)
    expect(faultsOf({ ...complete, DATABASE_URL: url('short') })).toHaveLength(1)
    expect(faultsOf({ ...complete, DATABASE_URL: 'postgres://db.example.com/samaconso' })).toHaveLength(1)
    expect(faultsOf({ ...complete, DATABASE_URL: url(randomSecret()) })).toEqual([])
  })

  it('may be simple in the demo', () => {
    const config = loadConfig({ ...complete, SAMACONSO_MODE: 'embedded', MONITOR_PASSWORD: 'admin' })
    expect(config.monitorPassword).toBe('admin')
  })

  it('is never shown by a fault', () => {
    const hidden = 'zq-unlikely-zq'
    const faults = faultsOf({
      ...complete,
      TOKEN_KEY: hidden,
      DATABASE_URL: hidden,
      PEPPER: hidden,
      SEAL_KEY: hidden,
      SIC_PASSWORD: hidden,
    })
    expect(faults.length).toBeGreaterThanOrEqual(5)
    expect(faults.join('\n')).not.toContain(hidden)
  })
})

describe('the key of access tokens', () => {
  it('must be an Ed25519 private key, also in the demo', () => {
    for (const wrong of [pem('x25519'), 'not a key at all, but long enough']) {
      expect(faultsOf({ ...complete, TOKEN_KEY: wrong, SAMACONSO_MODE: 'embedded' })).toEqual([
        'TOKEN_KEY must be an Ed25519 private key in PKCS#8 PEM.',
      ])
    }
  })
})

describe('.env.example', () => {
  it('has every setting once, its default readable as one, its secrets empty', () => {
    const lines = envExample().split('\n')
    const given = Object.fromEntries(
      lines
        .filter(line => /^[A-Z]/.test(line))
        .map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
    expect(Object.keys(given)).toEqual(Object.values(SETTINGS).map(({ env }) => env))
    for (const setting of Object.values(SETTINGS)) {
      if ('secret' in setting && setting.secret) expect(given[setting.env]).toBe('')
    }
    expect(faultsOf({ ...given, ...complete })).toEqual([])
  })
})
