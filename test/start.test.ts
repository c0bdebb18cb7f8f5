import { chown, cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allGone, type Command, freePorts, type Ports, run, START } from './command.ts'
import { until } from './harness.ts'
import { processesOf } from './processes.ts'

const READY = { fr: 'SamaConso est prêt', en: 'SamaConso is ready' }
const isRoot = userInfo().uid === 0
/** What people are promised after Ctrl-C, a closed terminal or a killed parent; loaded machines get a little more. */
const STOP_MS = 5_000
/** Two starts at their slowest: the machine may be busy with others, and what is promised is measured where it is promised. */
const timeout = 100_000

let folder: string
let dir: string
let ports: Ports
let env: Record<string, string>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-start-'))
  dir = join(folder, 'données de démo')
  ports = await freePorts()
  env = { DATA_DIR: dir, ...ports }
})
afterAll(async () => {
  for (const { pid } of await processesOf(folder)) kill(pid)
  await allGone(folder, 10_000)
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const json = async (port: string, path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).json()

/** Runs SQL on the running product's database, as the other commands find it. */
async function sql(text: string): Promise<unknown[]> {
  const { databaseUrl } = JSON.parse(await readFile(join(dir, 'run.json'), 'utf8'))
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}
const hasKeepsake = async () =>
  (await sql("select to_regclass('keepsake') is not null there")).some(
    row => (row as { there: boolean }).there,
  )

/** A start that must fail: exit code 1, and one sentence of at most two lines, without a stack. */
async function refusal(command: Command): Promise<string> {
  expect([await command.ends(), command.output()]).toEqual([1, expect.any(String)])
  const said = command
    .output()
    .split('\n')
    .filter(line => line.trim() !== '' && !line.startsWith('✓'))
  expect(said).toHaveLength(1)
  expect(said[0]).not.toMatch(/\bat .*\.ts:|Error:/)
  return said[0] as string
}

describe('npm start', { timeout }, () => {
  let command: Command

  it('shows where everything is, once everything is there', async () => {
    command = run(START, env)
    await command.prints('Ctrl-C')
    const output = command.output()
    expect(output).toContain(READY.fr)
    for (const text of [
      `http://127.0.0.1:${ports.PORT}/docs`,
      `http://127.0.0.1:${ports.SIMULATOR_PORT}`,
      `http://127.0.0.1:${ports.MONITOR_PORT}`,
      '+221770000001',
      'PIN 7394',
      '14100000018',
      'Admin-demo-2026',
      dir,
    ]) {
      expect(output).toContain(text)
    }
    // A box: every line of it is as long as its edge.
    const box = output.slice(output.indexOf('╭')).trim().split('\n')
    expect(new Set(box.map(line => line.length)).size).toBe(1)
    expect(await json(ports.PORT, '/health')).toMatchObject({ status: 'running' })
    expect((await fetch(`http://127.0.0.1:${ports.PORT}/docs/`)).status).toBe(200)
    expect((await fetch(`http://127.0.0.1:${ports.MONITOR_PORT}/healthcheck`)).status).toBe(401)
    expect((await fetch(`http://127.0.0.1:${ports.SIMULATOR_PORT}/`)).status).toBe(200)
  })

  it('listens on this machine alone, keeps its secrets to its owner, and tells the other commands where it is', async () => {
    const file = JSON.parse(await readFile(join(dir, 'run.json'), 'utf8'))
    expect(file.ports).toMatchObject({ PORT: Number(ports.PORT) })
    expect(file.databaseUrl).toContain('@127.0.0.1:')
    await sql('create table keepsake (n integer)')
  })

  it('a second one on the same data says who has it, and disturbs nothing', async () => {
    // With ports of its own, and with the same, as a person would who forgot the other terminal.
    const both = [{ ...env, ...(await freePorts()) }, env]
    for (const said of await Promise.all(both.map(one => refusal(run(START, one))))) {
      expect(said).toMatch(/tourne déjà sur ces données \(processus \d+\).*DATA_DIR/)
    }
    expect(await json(ports.PORT, '/health')).toMatchObject({ status: 'running' })
  })

  it('Ctrl-C ends it within seconds, without an error, and leaves no process behind', async () => {
    const startedAt = performance.now()
    command.kill('SIGINT')
    expect(await command.ends()).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(STOP_MS)
    await allGone(dir, 1_000)
    expect(await readdir(dir)).not.toContain('run.json')
  })

  // In how long is measured in bench/, where nothing else runs.
  it('again is there with its data, in the language of the terminal', async () => {
    // Through npm, as people do, with a shell in between that does not make way for what it starts.
    const shell = join(folder, 'sh')
    await writeFile(shell, '#!/bin/sh\nsh "$@"\nexit $?\n', { mode: 0o755 })
    command = run(['npm', 'start', '--silent'], {
      ...env,
      LANG: 'en_US.UTF-8',
      npm_config_script_shell: shell,
    })
    await command.prints('Ctrl-C to stop')
    expect(command.output()).toContain(READY.en)
    expect(command.output()).not.toContain(READY.fr)
    expect(await hasKeepsake()).toBe(true)
  })

  it('whose npm is killed ends, and leaves no process behind', async () => {
    command.kill('SIGKILL')
    await allGone(dir, STOP_MS)
  })

  it('whose shell is killed ends, and leaves no process behind', async () => {
    // A shell that stays: it has something to do afterwards.
    command = run(['sh', '-c', `${START.join(' ')}; true`], env)
    await command.prints(READY.fr)
    command.kill('SIGKILL')
    await allGone(dir, STOP_MS)
  })

  it('of which everything was killed at once starts again, with its data', async () => {
    command = run(START, env)
    await command.prints(READY.fr)
    const killed = await processesOf(dir)
    expect(killed.length).toBeGreaterThanOrEqual(4)
    for (const { pid } of killed) kill(pid)
    command = run(START, env)
    await command.prints(READY.fr)
    expect(await hasKeepsake()).toBe(true)
  })

  it('of which the main process is killed takes its database and its simulators along', async () => {
    const { pid } = JSON.parse(await readFile(join(dir, 'run.json'), 'utf8'))
    kill(pid)
    expect(await command.ends()).not.toBe(0)
    await allGone(dir, STOP_MS)
  })

  it('with --reset begins anew', async () => {
    command = run([...START, '--reset'], env)
    await command.prints(READY.fr)
    expect(await hasKeepsake()).toBe(false)
  })

  it('ends with its terminal, and leaves no process behind', async () => {
    command.kill('SIGHUP')
    expect(await command.ends(STOP_MS)).toBe(0)
    await allGone(dir, 1_000)
  })
})

describe('npm start on what it cannot work with says so in one sentence, with the remedy', {
  timeout,
}, () => {
  it('a port that is taken', async () => {
    const other = createServer((_request, response) => response.end())
    await new Promise<void>(done => other.listen(0, '127.0.0.1', done))
    const port = String((other.address() as { port: number }).port)
    await Promise.all(
      ['PORT', 'MONITOR_PORT', 'SIMULATOR_PORT'].map(async name => {
        const own = { DATA_DIR: join(folder, `for ${name}`), ...(await freePorts()) }
        const said = await refusal(run(START, { ...own, [name]: port }))
        expect(said).toContain(`Le port ${port} est pris par un autre programme`)
        expect(said).toContain(`${name}=`)
      }),
    )
    await new Promise(done => other.close(done))
  })

  it('a port that is none, or given twice', async () => {
    const [none, twice] = await Promise.all([
      refusal(run(START, { ...env, DATA_DIR: join(folder, 'x'), PORT: 'abc' })),
      refusal(run(START, { ...env, DATA_DIR: join(folder, 'y'), PORT: ports.MONITOR_PORT })),
    ])
    expect(none).toContain('PORT=abc n’est pas un port')
    expect(twice).toContain('le même port')
  })

  it('a folder that holds something else, which it leaves untouched, also with --reset', async () => {
    const other = join(folder, 'photos')
    await mkdir(other)
    await writeFile(join(other, 'mariage.jpg'), 'irreplaceable')
    const commands = [START, [...START, '--reset']]
    const said = await Promise.all(
      commands.map(command => refusal(run(command, { ...env, DATA_DIR: other }))),
    )
    for (const text of said) expect(text).toMatch(/contient autre chose.*DATA_DIR/)
    expect(await readdir(other)).toEqual(['mariage.jpg'])
    expect(await readFile(join(other, 'mariage.jpg'), 'utf8')).toBe('irreplaceable')
  })

  it('a data directory that is a file', async () => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    expect(await refusal(run(START, { ...env, DATA_DIR: file }))).toMatch(/ne peut pas être écrit.*DATA_DIR/)
  })

  it.each([
    ['PostgreSQL’s control file cut off', 'postgres/data/global/pg_control', 0],
    ['PostgreSQL’s version cut off', 'postgres/data/PG_VERSION', 0],
    ['garbage for secrets', 'secrets.json', 'garbage'],
  ])('damaged data: %s', async (_, name, damage) => {
    const file = join(dir, name)
    const before = `${file}.before`
    await cp(file, before)
    if (damage === 0) await truncate(file, 0)
    else await writeFile(file, String(damage))
    expect(await refusal(run(START, { ...env, LANG: 'en_US.UTF-8' }))).toMatch(
      /damaged.*`npm start -- --reset`/,
    )
    await allGone(dir, STOP_MS)
    await cp(before, file)
    await rm(before)
  })

  it('a disk that is full', async () => {
    const small = join(folder, 'small disk')
    await mkdir(small)
    // A small disk of its own, in a namespace of its own: it is gone with its processes.
    const mount = 'mount -t tmpfs -o size=24m none "$DATA_DIR"'
    const namespace = isRoot ? ['unshare', '-m'] : ['unshare', '-rm']
    const may = run([...namespace, 'sh', '-c', mount], { DATA_DIR: small })
    if ((await may.ends()) !== 0) {
      console.warn(`NOT TESTED: no file system may be mounted here (${may.output().trim()})`)
      return
    }
    const full = run([...namespace, 'sh', '-c', `${mount} && exec ${START.join(' ')}`], {
      ...env,
      DATA_DIR: small,
    })
    expect(await refusal(full)).toMatch(/^Le disque est plein : libérez de la place/)
    await allGone(small, STOP_MS)
  })
})

describe('npm start as an ordinary user', { timeout }, () => {
  it('works as it does as root', async () => {
    // Where the tests themselves run as an ordinary user, all of the above has shown it.
    expect(isRoot || userInfo().uid > 0).toBe(true)
    if (!isRoot) return
    const nobody = 65_534
    const asNobody = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']
    const may = run([...asNobody, 'test', '-r', 'bin/run.mjs'], {})
    if ((await may.ends()) !== 0) {
      console.warn(`NOT TESTED: this checkout may not be read by another user (${may.output().trim()})`)
      return
    }
    const theirs = await mkdtemp(join(tmpdir(), 'samaconso-nobody-'))
    await chown(theirs, nobody, nobody)
    const command = run([...asNobody, ...START], {
      ...env,
      DATA_DIR: theirs,
      HOME: '/nonexistent',
      LANG: 'en_US.UTF-8',
    })
    try {
      await command.prints(READY.en)
      expect(await json(ports.PORT, '/health')).toMatchObject({ status: 'running' })
      command.kill('SIGTERM')
      expect(await command.ends(STOP_MS)).toBe(0)
      await allGone(theirs, 1_000)
    } finally {
      for (const { pid } of await processesOf(theirs)) kill(pid)
      await until('an end', async () => (await processesOf(theirs)).length === 0)
      await rm(theirs, { recursive: true, force: true, maxRetries: 5 })
    }
  })
})
