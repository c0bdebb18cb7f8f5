import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { allGone, type Command, run } from '../command.ts'
import { until } from '../harness.ts'
import { processesOf } from '../processes.ts'
import { withClient } from '../servers/postgres.ts'

const STOP_MS = 10_000

let folder: string
let dir: string
let stack: Command
let env: Record<string, string>

/** Starts the stack on real servers, with one small process in the place of the product's. */
async function start(): Promise<Command> {
  const driver = join(folder, 'driver.ts')
  const worker = join(folder, 'worker.mjs')
  await writeFile(
    worker,
    `console.log(JSON.stringify({ level: 'info', time: new Date().toISOString(), event: 'started', url: process.env.DATABASE_URL }))
     setInterval(() => {}, 1_000)`,
  )
  const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href)
  await writeFile(
    driver,
    `import { runStack } from ${module('stack.ts')}
     await runStack({ dir: ${JSON.stringify(dir)}, raw: false, reset: false, plan: ({ env }) => [[{
       name: 'samaconso_worker_1', command: [${JSON.stringify(worker)}], env,
       ready: async printed => { if (!printed('started')) throw new Error('not yet') } }]] })`,
  )
  const started = run([process.execPath, driver], env)
  await started.prints('Ctrl-C', 90_000)
  return started
}

const ask = async (...args: string[]) => {
  const command = run([process.execPath, 'test/stack/main.ts', ...args], env)
  return { code: await command.ends(), output: command.output() }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-stack-'))
  dir = join(folder, 'data')
  env = { DATA_DIR: dir, LANG: 'en_US.UTF-8' }
  stack = await start()
}, 120_000)
afterAll(async () => {
  for (const { pid } of await processesOf(folder)) process.kill(pid, 'SIGKILL')
  await allGone(folder, STOP_MS)
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

it('shows addresses and accounts once all serve, and the log of each behind its name', async () => {
  const output = stack.output()
  for (const text of ['/v1', '+221770000001', dir, 'samaconso_worker_1    │', ' started url=postgres://']) {
    expect(output).toContain(text)
  }
  const [url] = output.match(/postgres:\/\/samaconso_app:\S+\/samaconso/) ?? []
  const { rows } = await withClient(String(url), client =>
    client.query('select phone from accounts where phone is not null'),
  )
  expect(rows).toContainEqual({ phone: '+221770000001' })
})

it('tells a second terminal what runs, and does what that asks', async () => {
  const { code, output } = await ask('--status')
  expect([code, output]).toEqual([
    0,
    expect.stringMatching(/postgres +up[\s\S]*pgbouncer +up[\s\S]*worker_1 +up/),
  ])

  expect(await ask('--kill', 'worker_1', '--after', '0.1s')).toMatchObject({ code: 0 })
  await stack.prints('samaconso_worker_1 has died: started again in 0.5 s')
  await until('its return', async () => /worker_1 +up.*restarts: 1/.test((await ask('--status')).output))

  expect(await ask('--kill', 'pgbouncer')).toMatchObject({ code: 0 })
  await until('its return', async () => /pgbouncer +up.*restarts: 1/.test((await ask('--status')).output))

  const unknown = await ask('--kill', 'worker_9')
  expect(unknown.code).toBe(1)
  expect(unknown.output).toContain(
    'No process worker_9: there are postgres, simulators, rabbitmq, redis, s3, pgbouncer',
  )
  expect(await ask('--kill', 'worker_1', '--signal', 'SIGNONSENSE')).toMatchObject({ code: 1 })
  expect(await ask('--nonsense')).toMatchObject({ code: 1 })
}, 60_000)

it('ends with Ctrl-C within seconds, leaves no process, and has its data when it starts again', async () => {
  stack.kill('SIGINT')
  expect(await stack.ends(STOP_MS)).toBe(0)
  await allGone(dir, 1_000)
  const { code, output } = await ask('--status')
  expect([code, output]).toEqual([1, expect.stringContaining('Nothing runs on')])
  stack = await start()
}, 120_000)

it('killed itself, takes everything along', async () => {
  stack.kill('SIGKILL')
  await allGone(dir, STOP_MS)
}, 30_000)
