import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../src/roles/embedded/postgres.ts'
import { until } from './harness.ts'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

// biome-ignore lint/suspicious/noExplicitAny: answers of the API are read freely by tests.
type Json = any

export interface Answer {
  status: number
  body: Json
  headers: Headers
}

/** The product as `npm start` runs it, on ports and a data directory of its own. */
export interface Product {
  api: string
  simulators: string
  dataDir: string
  call(
    method: string,
    path: string,
    options?: { token?: string; body?: unknown; key?: string },
  ): Promise<Answer>
  /** A call to the simulated world's controls. */
  world(method: string, path: string, body?: unknown): Promise<Json>
  /** SIGKILL of the main process, nothing else. */
  kill(): Promise<void>
  /** Starts it again on the same data and ports. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Starts the product; `env` adds to its environment. The folder goes with `stop`. */
export async function startProduct(env: Record<string, string> = {}): Promise<Product> {
  const dataDir = await mkdtemp(join(tmpdir(), 'samaconso-product-'))
  const [port, monitor, simulator] = await Promise.all([freePort(), freePort(), freePort()])
  const api = `http://127.0.0.1:${port}`
  const simulators = `http://127.0.0.1:${simulator}`
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    const started = spawn(process.execPath, [MAIN, 'all'], {
      env: {
        ...process.env,
        DATA_DIR: dataDir,
        PORT: String(port),
        MONITOR_PORT: String(monitor),
        SIMULATOR_PORT: String(simulator),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = createWriteStream(join(dataDir, '..', `${dataDir.split('/').at(-1)}.out`), { flags: 'a' })
    let tail = ''
    for (const stream of [started.stdout, started.stderr]) {
      stream?.pipe(output, { end: false })
      stream?.on('data', chunk => {
        tail = (tail + chunk).slice(-2_000)
      })
    }
    child = started
    await until(
      'the product to run',
      async () => {
        if (started.exitCode !== null) throw new Error(`The product ended: ${tail}`)
        const health = await fetch(`${api}/health`).catch(() => null)
        return health?.ok
      },
      60_000,
    )
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
    const exited = new Promise(done => ending.once('exit', done))
    ending.kill(signal)
    await exited
  }

  await start()
  return {
    api,
    simulators,
    dataDir,
    async call(method, path, { token, body, key } = {}) {
      const response = await fetch(api + path, {
        method,
        headers: {
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(key ? { 'idempotency-key': key } : {}),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(20_000),
      })
      const text = await response.text()
      return { status: response.status, body: text ? JSON.parse(text) : null, headers: response.headers }
    },
    async world(method, path, body) {
      const response = await fetch(simulators + path, {
        method,
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(20_000),
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
      return text ? JSON.parse(text) : null
    },
    kill: () => end('SIGKILL'),
    start,
    async stop() {
      await end('SIGTERM')
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** The access token of a member of staff. */
export async function signInStaff(product: Product, login: string, password: string): Promise<string> {
  const { status, body } = await product.call('POST', '/v1/auth/token', {
    body: { grant: 'password', login, password },
  })
  if (status !== 200) throw new Error(`Sign-in of ${login}: ${status} ${JSON.stringify(body)}`)
  return body.accessToken
}

/** Signs a customer in on a new device, with the code from the simulated phone. */
export async function signInCustomer(
  product: Product,
  phone: string,
  pin: string,
  pushToken = `sim-${randomUUID()}`,
): Promise<{
  token: string
  refreshToken: string
  deviceSecret: string
  pushToken: string
  deviceId: string
}> {
  const code = await askCode(product, phone, 'device')
  const deviceId = randomUUID()
  const { status, body } = await product.call('POST', '/v1/auth/token', {
    body: { grant: 'pin', phone, pin, code, device: { id: deviceId, platform: 'android', pushToken } },
  })
  if (status !== 200) throw new Error(`Sign-in of ${phone}: ${status} ${JSON.stringify(body)}`)
  return {
    token: body.accessToken,
    refreshToken: body.refreshToken,
    deviceSecret: body.deviceSecret,
    pushToken,
    deviceId,
  }
}

/** The six digits that the simulated phone received. */
export async function askCode(product: Product, phone: string, purpose: string): Promise<string> {
  const asked = Date.now()
  const { status } = await product.call('POST', '/v1/auth/otp', { body: { phone, purpose } })
  if (status !== 202) throw new Error(`A code for ${phone}: ${status}`)
  return until('the SMS with the code', async () => {
    const messages = await product.world('GET', `/sms?phone=${encodeURIComponent(phone)}`)
    const fresh = messages.find((message: { at: string }) => Date.parse(message.at) >= asked - 1_000)
    return fresh?.text.match(/\b\d{6}\b/)?.[0]
  })
}
