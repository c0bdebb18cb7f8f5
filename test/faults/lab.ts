import { randomUUID } from 'node:crypto'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openLedger } from '../../simulators/fcm/ledger.ts'
import { type Database, openDatabase } from '../../src/db/index.ts'
import { openSecrets } from '../../src/lib/secrets.ts'
import type { OutsideWorld } from '../../src/roles/embedded/simulators.ts'
import { seed } from '../../src/roles/seed.ts'
import { rabbitMqBroker } from '../../src/tasks/index.ts'
import { until } from '../harness.ts'
import { RUN } from '../processes.ts'
import { prepareDemo } from '../stack/demo.ts'
import { plan } from '../stack/plan.ts'
import { startServers } from '../stack/servers.ts'
import { type Client, openClient } from './client.ts'
import { type FaultPorts, pickSteadyPorts } from './ports.ts'
import { openProcesses, type Processes } from './processes.ts'
import { proxyUnit } from './proxy.ts'

// biome-ignore lint/suspicious/noExplicitAny: answers of the simulators are read freely by tests.
type Json = any

/** How many times a device received a notification, by FCM's own ledger. */
export type Count = (token: string, notificationId: string) => number

/** Everything that the cases share: servers, processes, a hundred thousand devices. */
export interface Lab {
  devices: number
  dir: string
  env: Record<string, string>
  ports: FaultPorts
  outside: OutsideWorld
  processes: Processes
  client: Client
  db: Database
  /** Access token of an administrator. */
  admin: string
  /** Seeded customers to whom single notifications are sent, each with the token of their one device. */
  people: readonly { id: string; token: string }[]
  /** A call to the simulated world's controls. */
  world(method: string, path: string, body?: unknown): Promise<Json>
  /** A call to the task monitor. */
  monitor(method: string, path: string, body?: unknown): Promise<Json>
  /** Forgets messages that the broker put aside. */
  discardParked(ids: readonly string[]): Promise<void>
  /** FCM's ledger as it is on disk now. */
  ledger(): Promise<Count>
  stop(): Promise<void>
}

const PIN = '7394'
const PEOPLE = 60
const CALL_MS = 20_000

export interface LabOptions {
  dir: string
  devices: number
  logFile: string
}

/** Starts everything and fills the database. */
export async function openLab({ dir, devices, logFile }: LabOptions): Promise<Lab> {
  const ports = await pickSteadyPorts()
  const processes = openProcesses(logFile)
  const { supervisor } = processes
  try {
    const served = await startServers(
      { ...supervisor, start: units => supervisor.start(units.map(processes.watched)) },
      dir,
      ports,
    )
    const { outside } = served
    const env: Record<string, string> = {
      ...served.env,
      [RUN]: process.env[RUN] ?? '',
      // What a second administrator decides is tested elsewhere.
      BROADCAST_APPROVAL_ABOVE: '10000000',
    }
    await prepareDemo(env)
    const db = openDatabase({ url: served.databaseUrl, pool: 4, statementTimeout: 60_000 })
    const pinHash = await openSecrets({ pepper: env.PEPPER ?? '', sealKey: env.SEAL_KEY ?? '' }).hash(PIN)
    await seed(db, devices, pinHash)
    await supervisor.start([processes.watched(proxyUnit({ dir, ports, outside }))])
    for (const wave of plan({ ports, env })) await supervisor.start(wave.map(processes.unitOf))

    const client = openClient([ports.api1, ports.api2].map(port => `http://127.0.0.1:${port}`))
    const people = await db.query<{ id: string; token: string }>(
      `select customer_id id, push_token token from devices where push_token = any($1) order by push_token`,
      [Array.from({ length: PEOPLE }, (_, i) => `sim-seed-${i + 1}`)],
    )
    const call =
      (base: string, headers: Record<string, string>) =>
      async (method: string, path: string, body?: unknown): Promise<Json> => {
        const response = await fetch(base + path, {
          method,
          headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(CALL_MS),
        })
        const text = await response.text()
        if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
        return text ? JSON.parse(text) : null
      }
    const basic = Buffer.from(`admin:${env.MONITOR_PASSWORD}`).toString('base64')
    return {
      devices,
      dir,
      env,
      ports,
      outside,
      processes,
      client,
      db,
      admin: await signIn(client),
      people,
      world: call(outside.control, {}),
      monitor: call(`http://127.0.0.1:${ports.monitor}`, { authorization: `Basic ${basic}` }),
      async discardParked(ids) {
        const broker = rabbitMqBroker({
          url: env.RABBITMQ_URL ?? '',
          name: 'faults',
          onError: () => undefined,
        })
        try {
          // It connects by itself, in its own time.
          await until('the broker', () => broker.state() === 'ok')
          await broker.discard(ids)
        } finally {
          await broker.close()
        }
      },
      async ledger() {
        const copy = join(dir, `ledger-${randomUUID()}`)
        await copyFile(join(dir, 'outside', 'fcm', 'pushes.ledger'), copy)
        const { count, close } = openLedger(copy)
        close()
        return count
      },
      async stop() {
        await db.close()
        await supervisor.stop()
      },
    }
  } catch (error) {
    await supervisor.stop()
    throw error
  }
}

async function signIn(client: Client): Promise<string> {
  const { status, body } = await client.ask({
    method: 'POST',
    path: '/v1/auth/token',
    body: { grant: 'password', login: 'admin', password: 'Admin-demo-2026' },
  })
  if (status !== 200) throw new Error(`Sign-in of the administrator: ${status} ${JSON.stringify(body)}`)
  return body.accessToken
}
