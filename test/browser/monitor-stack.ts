import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { readRunFile } from '../../src/roles/embedded/data-dir.ts'
import { freePort } from '../../src/roles/embedded/ports.ts'
import { allGone, type Command, run } from '../command.ts'
import { processesOf } from '../processes.ts'
import { withClient } from '../servers/postgres.ts'
import { askControl, controlFile } from '../stack/control.ts'

// biome-ignore lint/suspicious/noExplicitAny: answers of the API are read freely by tests.
type Json = any

/** As in production (test/stack/plan.ts). */
const PROCESSES = ['api_1', 'api_2', 'worker_1', 'worker_2', 'scheduler_1', 'scheduler_2', 'monitor'].map(
  name => `samaconso_${name}`,
)
const VIEWER = { username: 'viewer', password: 'a-viewer-who-only-looks' }

/** A process that starts on a machine that does much else has as long as that takes. */
const READY_MS = 180_000

/** Every process of production on real servers, with a monitor that has both roles. */
export async function startMonitorStack() {
  const folder = await mkdtemp(join(tmpdir(), 'samaconso-monitor-'))
  const dir = join(folder, 'data')
  const driver = join(folder, 'driver.ts')
  const metricsPorts = Object.fromEntries(
    await Promise.all(PROCESSES.map(async name => [name, await freePort()] as const)),
  )
  const module = (name: string) => JSON.stringify(new URL(`../stack/${name}`, import.meta.url).href)
  await writeFile(
    driver,
    `import { writeFileSync } from 'node:fs'
     import { plan } from ${module('plan.ts')}
     import { freePorts } from ${module('ports.ts')}
     import { runStack } from ${module('stack.ts')}
     const metrics = ${JSON.stringify(metricsPorts)}
     // Stacks of other tests start in the same moment: the ports of production may be free for both.
     await runStack({ dir: ${JSON.stringify(dir)}, raw: true, reset: false, ports: freePorts, plan: options => {
       const env = { ...options.env, MONITOR_VIEWER_PASSWORD: '${VIEWER.password}' }
       writeFileSync(${JSON.stringify(join(folder, 'env.json'))}, JSON.stringify(env))
       return plan({ ...options, env }).map(wave => wave.map(one =>
         ({ ...one, readyMs: ${READY_MS}, env: { ...one.env, METRICS_PORT: String(metrics[one.name]) } })))
     } })`,
  )
  const stack = run([process.execPath, driver], { DATA_DIR: dir, LANG: 'en_US.UTF-8' })
  const stop = async () => {
    for (const { pid } of await processesOf(folder)) killIfThere(pid)
    await allGone(folder, 15_000)
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    await stack.prints('Ctrl-C', 240_000)
  } catch (error) {
    await stop()
    throw error
  }
  const { ports = {}, databaseUrl = '' } = (await readRunFile(dir)) ?? {}
  const env: Record<string, string> = JSON.parse(await readFile(join(folder, 'env.json'), 'utf8'))
  const own = (args: string[], more = {}): Command =>
    run([process.execPath, 'src/main.ts', ...args], { ...env, DATA_DIR: dir, ...more })
  return {
    monitor: `http://127.0.0.1:${ports.monitor}`,
    operator: { username: 'admin', password: String(env.MONITOR_PASSWORD) },
    viewer: VIEWER,
    /** Where each process tells its metrics. */
    metricsPorts,
    /** A process of the product beside the stack's own, which nobody starts again. */
    own,
    /** Halts a server of the stack, or lets it go on. */
    async signal(name: 'rabbitmq' | 'pgbouncer', signal: 'SIGSTOP' | 'SIGCONT') {
      await askControl(await readFile(controlFile(dir), 'utf8'), { ask: 'kill', name, signal })
    },
    /** Another monitor, that only shows. */
    async readOnlyMonitor() {
      const port = await freePort()
      const process = own(['monitor'], { MONITOR_READ_ONLY: 'true', MONITOR_PORT: String(port) })
      await process.prints('"event":"started"', READY_MS)
      return { url: `http://127.0.0.1:${port}`, process }
    },
    async seed(customers: number) {
      const code = await own(['seed', '--customers', String(customers)]).ends(120_000)
      if (code !== 0) throw new Error(`seed ended with ${code}`)
    },
    sql: (text: string): Promise<Json[]> =>
      withClient(databaseUrl, async (client: pg.Client) => (await client.query(text)).rows),
    async api(method: string, path: string, body?: object, token?: string): Promise<Json> {
      const response = await fetch(`http://127.0.0.1:${ports.api1}${path}`, {
        method,
        headers: {
          'content-type': 'application/json',
          'idempotency-key': crypto.randomUUID(),
          ...(token ? { authorization: `Bearer ${token}` } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      })
      const answer = await response.json()
      if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`)
      return answer
    },
    /** The token of the demo's administrator. */
    async signIn(): Promise<string> {
      const account = { grant: 'password', login: 'admin', password: 'Admin-demo-2026' }
      return (await this.api('POST', '/v1/auth/token', account)).accessToken
    },
    async fcm(behaviour: object) {
      const url = `http://127.0.0.1:${ports.simulators}/push/behaviour`
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(behaviour),
      })
      if (!answer.ok) throw new Error(await answer.text())
    },
    stop,
  }
}

/** One that ended meanwhile, as its parent did, is what is wanted. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
