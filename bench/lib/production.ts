import { join } from 'node:path'
import { type Database, openDatabase } from '../../src/db/index.ts'
import { type AccessTokens, openAccessTokens } from '../../src/http/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { newId } from '../../src/lib/id.ts'
import { freePort } from '../../src/roles/embedded/ports.ts'
import { QUEUES } from '../../src/tasks/index.ts'
import { needServers, PRODUCT_SERVERS } from '../../test/servers/packages.ts'
import { prepareDemo } from '../../test/stack/demo.ts'
import { rolesAs } from '../../test/stack/plan.ts'
import { freePorts } from '../../test/stack/ports.ts'
import { type Program, programUnit } from '../../test/stack/program.ts'
import { type Served, startServers } from '../../test/stack/servers.ts'
import { openSupervisor } from '../../test/stack/supervisor.ts'
import type { Lab } from './lab.ts'
import { call } from './product.ts'

/** The product as in production: real servers, and a process for each role. */
export interface Production extends Served {
  /** Ports of the two API processes. */
  apis: readonly [number, number]
  /** What a figure of both API processes is in all, as Prometheus reads it. */
  metric(name: string): Promise<number>
  /** Of the product's own processes, by name. */
  pids(): Record<string, number>
  /** Statements for the bench itself, past PgBouncer. */
  db: Database
  token(accountId: string, role?: 'customer' | 'admin'): Promise<string>
  /** An answer of the first API process. */
  call<T>(method: string, path: string, token: string, body?: object): Promise<T>
  /** What the simulated FCM counted. */
  pushes(): Promise<{ received: number; distinct: number }>
  /** Starts another process of the product, and waits until it serves. */
  add(program: (roles: ReturnType<typeof rolesAs>) => Program): Promise<void>
  /** Stops the process of this name and starts it again with other settings. */
  restart(name: string, env: Record<string, string>): Promise<void>
  /** The last lines that the processes wrote. */
  said(): string
}

/** Wide limits: all that is measured comes from one address, and often from one account. */
const WIDE = {
  LIMIT_PER_ACCOUNT: '1000000000',
  LIMIT_PER_NETWORK: '1000000000',
  LOG_LEVEL: 'warn',
}
const SECOND_MS = 1_000
const LINES = 60

/**
 * Starts PostgreSQL behind PgBouncer, RabbitMQ, Redis, the simulators, then one worker of all queues, a scheduler and two
 * API processes. All of it ends with the case.
 */
export async function startProduction(
  lab: Lab,
  name: string,
  { env = {}, postgres = {} }: { env?: Record<string, string>; postgres?: Record<string, string> } = {},
): Promise<Production> {
  await needServers(PRODUCT_SERVERS)
  const lines: string[] = []
  const supervisor = openSupervisor({ onEvent: event => void lines.push(JSON.stringify(event)) })
  lab.onEnd(supervisor.stop)
  const dir = join(lab.folder, name)
  const ports = await freePorts()
  const served = await startServers(supervisor, dir, ports, postgres)
  await prepareDemo(served.env)

  const programs = new Map<string, Program>()
  const unitOf = (program: Program) => {
    programs.set(program.name, program)
    return programUnit(program, (who, line) => {
      lines.push(`${who}: ${line}`)
      if (lines.length > LINES) lines.shift()
    })
  }
  // Written once it has started, whatever the level of the others.
  const told = { ...served.env, ...WIDE, ...env }
  const { worker, scheduler } = rolesAs({ ...told, LOG_LEVEL: 'info' })
  const metrics = [await freePort(), await freePort()] as const
  const apiOf = (name: string, port: number, metricsPort: number) =>
    rolesAs({ ...told, METRICS_PORT: String(metricsPort) }).api(name, port)
  await supervisor.start([worker('worker', QUEUES), scheduler('scheduler')].map(unitOf))
  await supervisor.start(
    [apiOf('api_1', ports.api1, metrics[0]), apiOf('api_2', ports.api2, metrics[1])].map(unitOf),
  )

  const db = openDatabase({
    url: databaseOf(served.adminUrl),
    pool: 4,
    statementTimeout: 300 * SECOND_MS,
  })
  lab.onEnd(db.close)
  const tokens: AccessTokens = await openAccessTokens(served.env.TOKEN_KEY as string, systemClock)
  const pids = () =>
    Object.fromEntries(
      supervisor.status().flatMap(({ name, pid }) => (programs.has(name) && pid ? [[name, pid]] : [])),
    )
  return {
    ...served,
    apis: [ports.api1, ports.api2],
    async metric(name) {
      const values = await Promise.all(metrics.map(port => metricOf(port, name)))
      return values.reduce((sum, value) => sum + value, 0)
    },
    pids,
    db,
    token: (id, role = 'customer') => tokens.issue({ id, role, agencyId: null, sessionId: newId() }),
    call: (method, path, token, body) => call(`http://127.0.0.1:${ports.api1}${path}`, method, token, body),
    pushes: () => call(`${served.outside.control}/push/stats`, 'GET'),
    add: program => supervisor.start([unitOf(program(rolesAs(told)))]),
    async restart(name, own) {
      Object.assign((programs.get(name) as Program).env, own)
      const unitOf = () => supervisor.status().find(unit => unit.name === name)
      const before = unitOf()?.restarts ?? 0
      await supervisor.restart(name)
      const giveUpAt = performance.now() + 60 * SECOND_MS
      for (;;) {
        const unit = unitOf()
        if (unit && unit.restarts > before && unit.state === 'up') return
        if (performance.now() > giveUpAt) throw new Error(`${name} did not come back:\n${lines.join('\n')}`)
        await new Promise(done => setTimeout(done, 100))
      }
    },
    said: () => lines.join('\n'),
  }
}

async function metricOf(port: number, name: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(10_000) })
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await response.text())?.[1] ?? Number.NaN)
}

const databaseOf = (adminUrl: string): string => adminUrl.replace(/\/postgres$/, '/samaconso')
