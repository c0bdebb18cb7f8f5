import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../harness.ts'
import { processesOf } from '../processes.ts'
import { type Program, programUnit } from './program.ts'
import { openSupervisor, type Supervisor, type UnitEvent } from './supervisor.ts'

let folder: string
let events: UnitEvent[]
let lines: string[]
let supervisor: Supervisor
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-stack-'))
  events = []
  lines = []
  supervisor = openSupervisor({
    onEvent: event => void events.push(event),
    backoffMs: { first: 50, longest: 200 },
    steadyMs: 60_000,
  })
})
afterEach(async () => {
  await supervisor.stop()
  await until('every process to be gone', async () => (await processesOf(folder)).length === 0)
  await rm(folder, { recursive: true })
})

const DIARY = `
  import { appendFileSync } from 'node:fs'
  const note = text => appendFileSync(process.env.DIARY, process.env.NAME + ' ' + text + '\\n')
  note('starts')
  process.on('SIGTERM', () => { note('stops'); process.exit(0) })
  setInterval(() => {}, 1_000)`

/** A small process that keeps a diary, then does what its script says. */
async function dummy(name: string, script = "console.log('there')", over: Partial<Program> = {}) {
  const file = join(folder, `${name}.mjs`)
  await writeFile(file, `${DIARY}\n${script}`)
  return programUnit(
    {
      name,
      command: [file],
      env: { NAME: name, DIARY: join(folder, 'diary'), PATH: process.env.PATH ?? '' },
      async ready(printed) {
        if (!printed('there')) throw new Error('it has not said so')
      },
      readyMs: 5_000,
      ...over,
    },
    (from, line) => void lines.push(`${from}: ${line}`),
  )
}

const diary = async () => (await readFile(join(folder, 'diary'), 'utf8')).trim().split('\n')
const of = (name: string) => supervisor.status().find(status => status.name === name)

describe('units', () => {
  it('start wave by wave and stop in the reverse order', async () => {
    await supervisor.start([await dummy('database')])
    await supervisor.start([await dummy('api')])
    await supervisor.start([await dummy('monitor')])
    expect(supervisor.status().map(({ name, state }) => [name, state])).toEqual([
      ['database', 'up'],
      ['api', 'up'],
      ['monitor', 'up'],
    ])
    await supervisor.stop()
    expect(await diary()).toEqual([
      'database starts',
      'api starts',
      'monitor starts',
      'monitor stops',
      'api stops',
      'database stops',
    ])
    expect(supervisor.status().every(({ state }) => state === 'stopped')).toBe(true)
    expect(lines).toContain('api: there')
  })

  it('are waited for until they serve, not only until they run', async () => {
    const startedAt = Date.now()
    await supervisor.start([await dummy('slow', "setTimeout(() => console.log('there'), 400)")])
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(400)
  })

  it('whose first start fails are told with their last words, and leave nothing', async () => {
    const broken = await dummy('broken', "console.error('no port'); process.exit(3)")
    const mute = await dummy('mute', '', { readyMs: 300 })
    await expect(supervisor.start([broken])).rejects.toThrow(/broken .*: it ended\nno port/)
    await expect(supervisor.start([mute])).rejects.toThrow('it has not said so')
    expect((await processesOf(join(folder, 'mute'))).length).toBe(0)
  })
})

describe('a unit that dies', () => {
  it('by a signal sent to its name is started again, and said so', async () => {
    await supervisor.start([await dummy('samaconso_worker_1'), await dummy('samaconso_worker_2')])
    const before = of('samaconso_worker_1')?.pid
    const other = of('samaconso_worker_2')?.pid
    supervisor.kill('worker_1', 'SIGKILL')
    await until('its return', () => events.filter(event => event.kind === 'up').length === 3)
    expect(events.map(({ kind, name }) => `${name} ${kind}`).slice(2)).toEqual([
      'samaconso_worker_1 told',
      'samaconso_worker_1 died',
      'samaconso_worker_1 up',
    ])
    expect(of('samaconso_worker_1')).toMatchObject({ state: 'up', restarts: 1 })
    expect(of('samaconso_worker_1')?.pid).not.toBe(before)
    expect(of('samaconso_worker_2')?.pid).toBe(other)
  })

  it('again and again waits longer each time, up to the longest', async () => {
    await supervisor.start([
      await dummy('fragile', "console.log('there'); setTimeout(() => process.exit(1), 100)"),
    ])
    await until('four deaths', () => events.filter(event => event.kind === 'died').length >= 4, 20_000)
    const waits = events.flatMap(event => (event.kind === 'died' ? [event.againInMs] : []))
    expect(waits.slice(0, 4)).toEqual([50, 100, 200, 200])
  })

  it('and whose new start fails is tried again until it works', async () => {
    const flag = join(folder, 'flag')
    const script = `
      import { existsSync } from 'node:fs'
      if (existsSync(${JSON.stringify(flag)})) process.exit(1)
      console.log('there')`
    await supervisor.start([await dummy('flaky', script)])
    await writeFile(flag, '')
    supervisor.kill('flaky', 'SIGKILL')
    await until('a failed start', () => events.some(event => event.kind === 'failed'))
    await rm(flag)
    await until('its return', () => of('flaky')?.state === 'up')
  })

  it('because a person asked for a restart comes back at once, after a gentle end', async () => {
    await supervisor.start([await dummy('api')])
    await supervisor.restart('api')
    await until('its return', () => of('api')?.state === 'up' && of('api')?.restarts === 1)
    expect(await diary()).toEqual(['api starts', 'api stops', 'api starts'])
    expect(events.some(event => event.kind === 'died')).toBe(false)
  })

  it('is known by its name alone', async () => {
    await supervisor.start([await dummy('one')])
    expect(() => supervisor.kill('two', 'SIGKILL')).toThrow('No process two: there are one.')
  })
})

describe('the end', () => {
  it('comes within seconds also for those that do not listen, are halted, wait, or are just starting', async () => {
    const deaf =
      "process.removeAllListeners('SIGTERM'); process.on('SIGTERM', () => {}); console.log('there')"
    await supervisor.start([await dummy('deaf', deaf, { stopMs: 300 }), await dummy('halted')])
    supervisor.kill('halted', 'SIGSTOP')
    const starting = supervisor
      .start([await dummy('starting', '', { readyMs: 30_000 })])
      .catch(() => 'given up')
    await until('its start', async () => (await diary()).includes('starting starts'))
    const startedAt = Date.now()
    await supervisor.stop()
    expect(await starting).toBe('given up')
    expect(Date.now() - startedAt).toBeLessThan(5_000)
  })

  it('of the supervisor by SIGKILL takes every process along', async () => {
    const file = join(folder, 'dummy.mjs')
    await writeFile(file, `${DIARY}\nconsole.log('there')`)
    const script = `
      import { openSupervisor } from ${JSON.stringify(new URL('supervisor.ts', import.meta.url).href)}
      import { programUnit } from ${JSON.stringify(new URL('program.ts', import.meta.url).href)}
      const unit = name => programUnit({ name, command: [${JSON.stringify(file)}],
        env: { NAME: name, DIARY: ${JSON.stringify(join(folder, 'diary'))} },
        ready: async printed => { if (!printed('there')) throw new Error('not yet') } }, () => {})
      await openSupervisor({ onEvent: () => {} }).start([unit('one'), unit('two')])
      console.log('all there')`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', chunk => {
      said += chunk
    })
    await until('its units', () => said.includes('all there'))
    child.kill('SIGKILL')
    await until('their end', async () => (await processesOf(file)).length === 0)
    expect((await diary()).slice(-2).sort()).toEqual(['one stops', 'two stops'])
  })
})
