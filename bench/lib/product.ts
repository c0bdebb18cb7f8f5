import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../src/roles/embedded/postgres.ts'
import { NODE_FLAGS } from '../../test/stack/program.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const START_MS = 90_000

/** The whole product in one process, as `npm start` runs it, beside its database and its simulators. */
export interface Product {
  pid: number
  port: number
  databaseUrl: string
  tokenKey: string
  serviceAccountFile: string
  /** The authority of the simulated world. */
  caFile: string
  /** An answer of the API; rejects when it is not 2xx. */
  call<T>(method: string, path: string, token: string, body?: object): Promise<T>
  /** What the simulated FCM counted. */
  pushes(): Promise<{ received: number; distinct: number }>
  stop(): Promise<void>
}

export async function startProduct(dataDir: string): Promise<Product> {
  const [port, monitor, simulator] = await Promise.all([freePort(), freePort(), freePort()])
  const child = spawn(process.execPath, [...NODE_FLAGS, MAIN, 'all'], {
    env: {
      ...process.env,
      DATA_DIR: dataDir,
      PORT: String(port),
      MONITOR_PORT: String(monitor),
      SIMULATOR_PORT: String(simulator),
      // What the product can do, not what it allows itself out of manners towards FCM.
      BROADCAST_RAMP_SECONDS: '0',
    },
    // It ends when the channel to us does.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', chunk => {
      said = (said + chunk).slice(-2_000)
    })
  }
  const exited = new Promise<void>(done => child.once('exit', () => done()))
  async function stop(): Promise<void> {
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await exited
    clearTimeout(late)
  }

  const run = await until(async () => {
    if (child.exitCode !== null) throw new Error(`The product ended: ${said}`)
    return readFile(join(dataDir, 'run.json'), 'utf8').catch(() => null)
  }, START_MS).catch(async error => {
    await stop()
    throw error
  })
  const secrets = JSON.parse(await readFile(join(dataDir, 'secrets.json'), 'utf8'))
  const outside = join(dataDir, 'outside')
  return {
    pid: child.pid as number,
    port,
    databaseUrl: JSON.parse(run).databaseUrl,
    tokenKey: secrets.TOKEN_KEY,
    serviceAccountFile: join(outside, 'fcm', 'service-account.json'),
    caFile: join(outside, 'authority.pem'),
    call: (method, path, token, body) => call(`http://127.0.0.1:${port}${path}`, method, token, body),
    pushes: () => call(`http://127.0.0.1:${simulator}/push/stats`, 'GET'),
    stop,
  }
}

/** An answer as JSON; rejects when it is not 2xx. */
export async function call<T>(url: string, method: string, token?: string, body?: object): Promise<T> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body ? { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(30_000),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`)
  return JSON.parse(text)
}

/** Waits until `check` gives something, at most `ms`. */
export async function until<T>(check: () => Promise<T | null>, ms: number, everyMs = 100): Promise<T> {
  const deadline = performance.now() + ms
  for (;;) {
    const value = await check()
    if (value !== null) return value
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms in vain`)
    await new Promise(done => setTimeout(done, everyMs))
  }
}
