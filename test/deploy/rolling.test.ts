import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'samaconso-rolling-'))
  write('server2', 'samaconso_api_1 1.0.0\nsamaconso_api_2 1.0.0\nsamaconso_scheduler_1 1.0.0\n')
  write(
    'server3',
    'samaconso_worker_1 1.0.0\nsamaconso_worker_2 1.0.0\nsamaconso_scheduler_2 1.0.0\nsamaconso_monitor 1.0.0\n',
  )
  write('images', '1.0.0\n1.1.0\n')
})
afterEach(() => rmSync(folder, { recursive: true }))

const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
const read = (name: string) => {
  try {
    return readFileSync(join(folder, name), 'utf8')
  } catch {
    return ''
  }
}
/** What the servers were told to do, without the questions. */
const acts = () =>
  read('calls')
    .split('\n')
    .filter(line => line && !/ (list|has|breaking|check|state) ?/.test(line))

function run(script: string, ...args: string[]) {
  const result = spawnSync(join(root, 'deploy', script), args, {
    encoding: 'utf8',
    input: '',
    timeout: 60_000,
    env: {
      ...process.env,
      FAKE: folder,
      SAMACONSO_REMOTE: join(root, 'test/deploy/fake-remote.sh'),
      SAMACONSO_LOG: join(folder, 'log'),
      INVENTORY: join(root, 'deploy/ansible/inventory/example'),
    },
  })
  return { code: result.status, output: result.stdout + result.stderr }
}

const replaced = (order: string[], version: string) =>
  order.flatMap(name => {
    const host = /api|scheduler_1/.test(name) ? 'server2' : 'server3'
    const act = `${host} samaconso-instance replace ${name} ${version}`
    return name.includes('_api_')
      ? [`balancer1 samaconso-pool drain ${name}`, act, `balancer1 samaconso-pool ready ${name}`]
      : [act]
  })

describe('deploy/rollout', () => {
  it('saves, migrates, then replaces one process at a time: workers, schedulers, API instances out of the pool, monitor', () => {
    const { code, output } = run('rollout', '1.1.0')
    expect([code, output]).toEqual([0, expect.stringContaining('1.1.0 is in service')])
    expect(acts()).toEqual([
      'server1 samaconso-backup incremental',
      'server2 samaconso-instance migrate 1.1.0',
      ...replaced(
        [
          'samaconso_worker_1',
          'samaconso_worker_2',
          'samaconso_scheduler_1',
          'samaconso_scheduler_2',
          'samaconso_api_1',
          'samaconso_api_2',
          'samaconso_monitor',
        ],
        '1.1.0',
      ),
      'server2 samaconso doctor',
    ])
    expect(read('log/history')).toMatch(/rollout 1\.1\.0 from 1\.0\.0/)
    // A second time there is nothing to do.
    expect(run('rollout', '1.1.0').output).toContain('nothing to do')
  })

  it('returns by itself when an instance does not become well, in the reverse order', () => {
    write('bad', 'samaconso_api_2 1.1.0\n')
    const { code, output } = run('rollout', '1.1.0')
    expect([code, output]).toEqual([1, expect.stringContaining('1.1.0 is not in service')])
    expect(read('server2') + read('server3')).not.toContain('1.1.0')
    const back = acts().filter(line => line.endsWith(' 1.0.0'))
    expect(back[0]).toBe('server2 samaconso-instance replace samaconso_api_2 1.0.0')
    expect(back).toHaveLength(6)
    // Both are in the pool again.
    expect(acts().filter(line => line.includes('ready'))).toHaveLength(3)
  })

  it('changes nothing when rehearsed, without an image, without a backup, or beside a breaking migration', () => {
    expect(run('rollout', '1.1.0', '--dry-run').output).toContain('[would] balancer1: samaconso-pool drain')
    expect(acts()).toEqual([])
    expect(run('rollout', '2.0.0').output).toContain('give the image')
    expect(acts()).toEqual([])
    write('breaking', '0020_drop.sql\n')
    expect(run('rollout', '1.1.0').output).toContain('0020_drop.sql')
    expect(acts()).toEqual([])
    write('breaking', '')
    write('refused', 'server1 samaconso-backup incremental\n')
    expect(run('rollout', '1.1.0').code).toBe(1)
    expect(acts()).toEqual(['server1 samaconso-backup incremental'])
  })
})

describe('deploy/rollback', () => {
  it('goes back to the version before the last rollout, API first', () => {
    expect(run('rollout', '1.1.0').code).toBe(0)
    write('calls', '')
    const { code, output } = run('rollback', 'application')
    expect([code, output]).toEqual([0, expect.stringContaining('1.0.0 is in service')])
    expect(read('server2') + read('server3')).not.toContain('1.1.0')
    expect(acts().filter(line => line.includes('replace'))[1]).toContain('samaconso_api_2')
  })

  it('restores the database between the last process that stops and the first that starts, and tells the product', () => {
    const { code } = run('rollback', 'database', '--to', '2026-11-25 11:59:30+00', '--yes')
    expect(code).toBe(0)
    const words = acts().map(line => line.split(' ').slice(1, 3).join(' '))
    const restore = acts().indexOf('server1 samaconso-restore --to 2026-11-25 11:59:30+00')
    expect(words.lastIndexOf('samaconso-instance stop')).toBeLessThan(restore)
    expect(words.indexOf('samaconso restored')).toBeGreaterThan(restore)
    expect(words.indexOf('samaconso-instance start')).toBeGreaterThan(words.indexOf('samaconso restored'))
    expect(words.filter(word => word === 'samaconso-instance start')).toHaveLength(7)
    expect(acts().at(-1)).toBe('server2 samaconso maintenance off')
  })

  it('starts nothing when the restoration fails or the product was not told', () => {
    write('refused', 'server2 samaconso restored\n')
    const { code } = run('rollback', 'database', '--to', '2026-11-25 11:59:30+00', '--yes')
    expect(code).toBe(1)
    expect(acts().join('\n')).not.toContain('samaconso-instance start')
  })
})

it('deploy/maintenance tells an API server, and the next one when that one does not', () => {
  expect(run('maintenance', 'on', '--until', '14:30', '--message', 'Retour à 14 h 30').code).toBe(0)
  expect(acts()).toEqual(['server2 samaconso maintenance on --until 14:30 --message Retour à 14 h 30'])
  write('refused', 'server2 samaconso maintenance off\n')
  expect(run('maintenance', 'off').output).toContain('no API server does it')
})
