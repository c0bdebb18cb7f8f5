import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createAuthority } from '../../simulators/authority.ts'

// Files of the object storage into their backup and back, by rclone; a folder stands for the storage.
const bin = (name: string) => fileURLToPath(new URL(`../../deploy/bin/${name}`, import.meta.url))
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'samaconso-files-'))
  for (const bucket of ['avatars', 'documents'])
    mkdirSync(join(folder, 'storage', bucket), { recursive: true })
  mkdirSync(join(folder, 'backups/files'), { recursive: true })
  writeFileSync(join(folder, 'rclone.conf'), `[samaconso]\ntype = alias\nremote = ${folder}/storage\n`)
  writeFileSync(join(folder, 'authority.pem'), (await createAuthority()).caPem)
  const settings = {
    BACKUP_FOLDER: `${folder}/backups`,
    BACKUP_KEEP_DAYS: '30',
    RCLONE_CONFIG: `${folder}/rclone.conf`,
    AUTHORITY: `${folder}/authority.pem`,
    BUCKETS: '"avatars documents"',
  }
  writeFileSync(
    join(folder, 'backup.conf'),
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

const run = (script: string, ...args: string[]) =>
  spawnSync(bin(script), args, {
    env: { ...process.env, SAMACONSO_BACKUP: join(folder, 'backup.conf') },
    encoding: 'utf8',
  })

it('every file of the last backup returns to a storage that was lost, and nothing newer is taken away', () => {
  const portrait = join(folder, 'storage/avatars/portrait')
  writeFileSync(portrait, 'a face')
  writeFileSync(join(folder, 'storage/documents/bill'), 'a bill')
  expect(run('samaconso-backup', 'files')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('2 files'),
  })
  rmSync(join(folder, 'storage'), { recursive: true })
  mkdirSync(join(folder, 'storage/avatars'), { recursive: true })
  writeFileSync(join(folder, 'storage/avatars/newer'), 'another face')

  const rehearsal = run('samaconso-restore', '--files', '--dry-run')
  expect(rehearsal.stdout).toContain('would run: rclone')
  const done = run('samaconso-restore', '--files')
  expect([done.status, done.stderr]).toEqual([0, ''])
  expect(done.stdout).toContain('2 files of the last backup are in the object storage')
  expect(readFileSync(portrait, 'utf8')).toBe('a face')
  expect(readFileSync(join(folder, 'storage/documents/bill'), 'utf8')).toBe('a bill')
  expect(readFileSync(join(folder, 'storage/avatars/newer'), 'utf8')).toBe('another face')
})
