import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

const program = fileURLToPath(new URL('../../deploy/bin/samaconso-task', import.meta.url))
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'samaconso-task-'))
  writeFileSync(
    join(folder, 'machine.conf'),
    `STATUS_FOLDER=${folder}/status\nMETRICS_FOLDER=${folder}/metrics\nLOG_FOLDER=${folder}/log\n`,
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

const task = (name: string, script: string) =>
  spawnSync(program, [name, 'bash', '-c', script], {
    env: { ...process.env, SAMACONSO_MACHINE: join(folder, 'machine.conf') },
  }).status
const status = (file: string) => JSON.parse(readFileSync(join(folder, 'status', file), 'utf8'))

it('a task leaves one line, its state and its metrics; a failure keeps when it last succeeded', () => {
  expect(task('backup-dump', 'echo working; echo "/dumps/one.dump, 4146 bytes; 1 kept"')).toBe(0)
  const succeeded = status('backup-dump.json')
  expect(succeeded).toMatchObject({ task: 'backup-dump', ok: true, exitCode: 0 })
  expect(succeeded.lastSuccess).toBeGreaterThan(Date.now() / 1_000 - 60)
  // In the form that `samaconso doctor` reads.
  expect(status('backup-status')).toMatchObject({ ok: true, bytes: 4_146 })
  expect(task('restore-test', 'echo restored')).toBe(0)
  expect(Date.parse(status('backup-status').restoreProvenAt)).toBeGreaterThan(Date.now() - 60_000)

  expect(task('backup-dump', 'echo "disk is \\"full\\""; exit 3')).toBe(3)
  expect(status('backup-dump.json')).toMatchObject({
    ok: false,
    exitCode: 3,
    lastSuccess: succeeded.lastSuccess,
  })
  expect(status('backup-status')).toMatchObject({ ok: false })
  const lines = readFileSync(join(folder, 'log/tasks.log'), 'utf8').trim().split('\n')
  expect(lines).toHaveLength(3)
  expect(lines[2]).toMatch(/backup-dump FAILED in \d+s: disk is full/)
  const metrics = readFileSync(join(folder, 'metrics/samaconso_tasks.prom'), 'utf8')
  expect(metrics).toContain('samaconso_task_failed{task="backup-dump"} 1')
  expect(metrics).toContain(
    `samaconso_task_last_success_timestamp_seconds{task="backup-dump"} ${succeeded.lastSuccess}`,
  )
})

it('certificates of a server are measured, and the one that ends soon is named', () => {
  const tls = join(folder, 'tls')
  mkdirSync(tls)
  writeFileSync(
    join(folder, 'tls.conf'),
    `TLS_FOLDER=${tls}\nMETRICS_FOLDER=${folder}/metrics\nNAMES="data"\n`,
  )
  const issue = (name: string, days: number) =>
    spawnSync('openssl', [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-subj',
        '/CN=test',
      ],
      ...['-days', String(days), '-keyout', join(tls, `${name}.key`), '-out', join(tls, `${name}.crt`)],
    ])
  const maintain = () =>
    spawnSync(
      fileURLToPath(new URL('../../deploy/bin/samaconso-maintenance', import.meta.url)),
      ['certificates'],
      {
        env: { ...process.env, SAMACONSO_MACHINE: join(folder, 'tls.conf') },
        encoding: 'utf8',
      },
    )
  issue('pgbouncer', 397)
  expect(maintain()).toMatchObject({ status: 0 })
  issue('minio', 10)
  const found = maintain()
  expect(found.status).toBe(1)
  expect(found.stdout).toMatch(/FAULT certificate minio ends on .*deploy\/renew-certificates/)
  expect(found.stdout).toMatch(/ok {4}certificate pgbouncer/)
  const metrics = readFileSync(join(folder, 'metrics/samaconso_certificates.prom'), 'utf8')
  const end = Number(/\{certificate="minio"\} (\d+)/.exec(metrics)?.[1])
  expect(end).toBeGreaterThan(Date.now() / 1_000 + 9 * 86_400)
  expect(end).toBeLessThan(Date.now() / 1_000 + 11 * 86_400)
})
