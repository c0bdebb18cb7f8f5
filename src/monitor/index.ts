import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Config } from '../config.ts'
import { sha256 } from '../lib/secrets.ts'
import { type Log, renderMetrics } from '../observability/index.ts'
import type { Broker, Worker } from '../tasks/index.ts'

export interface MonitorOptions {
  config: Config
  broker: Broker
  workers: () => Worker[]
  version: string
  log: Log
}

export interface MonitorRole {
  metricsPort: number
  stop(): Promise<void>
}

/**
 * The task monitor: what workers, tasks and queues do, as JSON behind Basic Auth; and /metrics of this process on a
 * port of its own, which the balancer does not know.
 */
export async function startMonitor(options: MonitorOptions): Promise<MonitorRole> {
  const { config, log } = options
  const serving = (answer: Serve) =>
    createServer((request, response) => {
      answer(options, request, response).catch(error => {
        log.error({ event: 'monitor_failed', path: request.url?.slice(0, 200), error })
        send(response, 503, { error: 'This cannot be told at the moment; the log says why.' })
      })
    })
  const monitor = serving(show)
  const metrics = serving(showMetrics)
  try {
    await listen(monitor, config.host, config.monitorPort)
    await listen(metrics, config.host, config.metricsPort)
  } catch (error) {
    await Promise.all([close(monitor), close(metrics)])
    throw error
  }
  return {
    metricsPort: (metrics.address() as { port: number }).port,
    async stop() {
      await Promise.all([close(monitor), close(metrics)])
    },
  }
}

type Serve = (options: MonitorOptions, request: IncomingMessage, response: ServerResponse) => Promise<void>

const showMetrics: Serve = async (_options, request, response) => {
  if (request.url !== '/metrics') return send(response, 404, { error: 'Only /metrics is here.' })
  const { type, text } = await renderMetrics()
  response.writeHead(200, { 'content-type': type }).end(text)
}

const show: Serve = async (options, request, response) => {
  if (!isAllowed(options.config, request.headers.authorization)) {
    response.setHeader('www-authenticate', 'Basic realm="SamaConso", charset="UTF-8"')
    return send(response, 401, { error: 'Sign in with the monitor’s user and password.' })
  }
  if (request.method !== 'GET') {
    response.setHeader('allow', 'GET')
    return send(response, 405, { error: 'This monitor only shows.' })
  }
  const path = (request.url ?? '/').replace(/\?.*/s, '')
  const route = Object.hasOwn(ROUTES, path) ? ROUTES[path] : undefined
  if (route) send(response, 200, await route(options))
  else send(response, 404, { error: `Try ${Object.keys(ROUTES).join(', ')}.` })
}

const ROUTES: Record<string, (options: MonitorOptions) => Promise<unknown> | unknown> = {
  '/': async ({ broker, workers, version }) => ({
    monitor: 'SamaConso',
    version,
    workers: workers().map(describe),
    queues: await broker.depths(),
  }),
  '/healthcheck': () => ({ status: 'running' }),
  '/api/workers': ({ workers }) => ({ items: workers().map(describe) }),
  '/api/tasks': ({ workers }) => ({
    items: workers().flatMap(worker =>
      worker.active().map(({ message, startedAt }) => ({
        id: message.id,
        name: message.task,
        queue: message.queue,
        state: 'started',
        worker: worker.name,
        attempt: message.attempt,
        startedAt: new Date(startedAt).toISOString(),
      })),
    ),
  }),
  '/api/queues': async ({ broker }) => ({ items: await broker.depths() }),
  '/api/parked': async ({ broker }) => ({
    items: (await broker.parked()).map(({ message, reason, at }) => ({
      id: message.id,
      name: message.task,
      queue: message.queue,
      attempt: message.attempt,
      reason,
      parkedAt: new Date(at).toISOString(),
    })),
  }),
}

const describe = (worker: Worker) => ({
  name: worker.name,
  queues: worker.queues,
  active: worker.active().length,
  ...worker.counts(),
})

function isAllowed(config: Config, header: string | undefined): boolean {
  const given = header?.match(/^basic +([\w+/=-]+)$/i)?.[1] ?? ''
  const expected = Buffer.from(`${config.monitorUser}:${config.monitorPassword}`).toString('base64')
  return timingSafeEqual(sha256(given), sha256(expected))
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
  })
  response.end(`${JSON.stringify(body, null, 2)}\n`)
}

const listen = (server: Server, host: string, port: number) =>
  new Promise<void>((done, fail) => {
    server.once('error', fail)
    server.listen(port, host, () => done())
  })

const close = (server: Server) =>
  new Promise<void>(done => {
    server.close(() => done())
    server.closeAllConnections()
  })
