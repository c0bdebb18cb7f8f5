import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openSecrets, randomSecret } from '../src/lib/secrets.ts'
import { run } from './command.ts'
import { cloneDatabase } from './databases.ts'

/** What an operator types, as a process of its own, on a database in production mode. */
let folder: string
let clone: Awaited<ReturnType<typeof cloneDatabase>>
let env: Record<string, string>
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-operator-'))
  clone = await cloneDatabase()
  const { privateKey } = generateKeyPairSync('ed25519')
  env = {
    DATABASE_URL: clone.url,
    TOKEN_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    PEPPER: randomSecret(),
    SEAL_KEY: randomSecret(),
    SIC_PASSWORD: randomSecret(),
    POSTPAID_PASSWORD: randomSecret(),
    MONITOR_PASSWORD: randomSecret(),
    FCM_SERVICE_ACCOUNT_FILE: join(folder, 'account.json'),
    SMS_URL: 'http://127.0.0.1:26/',
    STORAGE_FOLDER: join(folder, 'files'),
    OPERATIONS_FOLDER: join(folder, 'operations'),
  }
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  await writeFile(
    join(folder, 'account.json'),
    JSON.stringify({
      project_id: 'p',
      client_email: 'e',
      private_key_id: 'k',
      private_key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      token_uri: 'https://127.0.0.1:26/token',
    }),
  )
})
afterAll(async () => {
  await clone.drop()
  await rm(folder, { recursive: true, force: true })
})

async function samaconso(...args: string[]) {
  const command = run(['node', 'bin/run.mjs', 'src/main.ts', ...args], env)
  return { code: await command.ends(), output: command.output() }
}

it('makes the first administrator, whose password is asked for or read and never an argument', async () => {
  const file = join(folder, 'password')
  const create = (...more: string[]) =>
    samaconso('user', 'create', '--login', 'chef', '--first-name', 'Awa', '--last-name', 'Diop', ...more)
  expect((await create()).output).toContain('--password-file')
  expect((await create('--password', 'Une-phrase-a-moi')).code).toBe(1)
  for (const weak of ['short', 'Admin-demo-2026', 'chef-de-la-nuit', 'abcabcabcabc']) {
    await writeFile(file, weak)
    const refused = await create('--password-file', file)
    expect([weak, refused.code, refused.output.includes('12 à 200 caractères')]).toEqual([weak, 1, true])
    expect(refused.output).not.toContain(weak)
  }
  await writeFile(file, 'Une-phrase-a-moi\n')
  expect(await create('--password-file', file)).toMatchObject({ code: 0 })
  expect((await create('--password-file', file)).output).toContain('déjà pris')

  const [account] = await clone.db.query<{ role: string; secret_hash: string }>(
    "select role, secret_hash from accounts where login = 'chef'",
  )
  expect(account?.role).toBe('admin')
  const secrets = openSecrets({ pepper: env.PEPPER ?? '', sealKey: env.SEAL_KEY ?? '' })
  expect(await secrets.verify(account?.secret_hash ?? null, 'Une-phrase-a-moi')).toBe(true)
  const audit = await clone.db.query<{ actor_role: string; detail: { login: string } }>(
    "select actor_role, detail from audit where action = 'user.create'",
  )
  expect(audit).toMatchObject([{ actor_role: 'operator', detail: { login: 'chef', role: 'admin' } }])
}, 60_000)

it('switches maintenance on and off, with a trace', async () => {
  expect((await samaconso('maintenance')).output).toContain('Les clients sont servis')
  const on = await samaconso('maintenance', 'on', '--until', '14:30', '--message', 'Retour à 14 h 30.')
  expect(on.output).toMatch(/Maintenance depuis .*T14:30:00.000Z.*Retour à 14 h 30/)
  expect((await samaconso('maintenance', 'on', '--until', 'demain')).code).toBe(1)
  expect((await samaconso('maintenance', 'off')).output).toContain('Les clients sont servis')
  const acts = await clone.db.query<{ action: string }>(
    "select action from audit where action like 'maintenance.%' order by id",
  )
  expect(acts.map(({ action }) => action)).toEqual(['maintenance.on', 'maintenance.off'])
}, 60_000)

it('deletes who asked for it, and after a restoration once more; then says what waits', async () => {
  const copy = `insert into accounts (id, role, phone, first_name, last_name, name_key, family_key, secret_hash)
    values ('018f0000-0000-7000-8000-000000000001', 'customer', '+221770009999', 'A', 'B', 'a b', 'b a', 'none')`
  await clone.db.query(copy)
  expect((await samaconso('customer', 'delete', '--phone', '77 000 99 99')).code).toBe(1)
  expect((await samaconso('customer', 'delete', '--phone', '77 000 99 99', '--yes')).output).toContain(
    'Effacé',
  )
  expect((await samaconso('customer', 'delete', '--phone', '77 000 99 99', '--yes')).output).toContain(
    'Aucun client',
  )
  await clone.db.query(copy)
  const restored = await samaconso('restored')
  expect(restored.output).toContain('1 suppression(s) refaites')
  expect(restored.output).toContain('Les messages individuels partent')
  expect((await samaconso('restored', '--confirm-broadcasts')).output).toContain('0 diffusion(s) reprennent')
}, 60_000)

it('reports the targets, and keeps what was signed of the checklist', async () => {
  const report = await samaconso('report', '--week')
  expect(report.output).toMatch(/Disponibilité +non mesuré +≥ 99,9 %/)
  const signed = await samaconso('checklist', '--sign', 'go', '--by', 'Awa Diop')
  expect(signed.output).toContain('signé par Awa Diop')
  const list = await samaconso('checklist')
  expect(list.code).toBe(1)
  expect(list.output).toMatch(/✓ La décision de mise en production est prise {2}\[go\]\n {4}Awa Diop/)
  expect(list.output).toContain('☐ SIC et Postpaid répondent')
}, 60_000)
