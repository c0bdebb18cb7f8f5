import { createServer, type Server } from 'node:http'
import { type Log, renderMetrics } from '../observability/index.ts'
import { buildMonitorApp, type MonitorApp } from './app.ts'
import { openDesk } from './desk.ts'
import type { MonitorOptions } from './options.ts'
import { overviewRoutes } from './routes/overview.ts'
import { parkedRoutes } from './routes/parked.ts'
import { taskCommandRoutes } from './routes/task-commands.ts'
import { taskRoutes } from './routes/tasks.ts'
import { workerRoutes } from './routes/workers.ts'

export type { DeliveryParking, MonitorOptions } from './options.ts'

export interface MonitorRole {
  metricsPort: number
  stop(): Promise<void>
}

/** The monitor without its port, for `inject`: with every route, and how to stop listening to workers. */
export async function openMonitor(options: MonitorOptions): Promise<MonitorApp & { close(): Promise<void> }> {
  const { config, clock, log } = options
  const desk = openDesk(options)
  const { app, routes } = await buildMonitorApp(
    {
      user: config.monitorUser,
      password: config.monitorPassword,
      isReadOnly: config.monitorReadOnly === 'true',
      trustedBalancers: config.trustedBalancers,
      clock,
      log,
    },
    app => {
      overviewRoutes(app, desk)
      workerRoutes(app, desk)
      taskRoutes(app, desk)
      taskCommandRoutes(app, desk)
      parkedRoutes(app, desk)
    },
  )
  return {
    app,
    routes,
    async close() {
      desk.close()
      await app.close()
    },
  }
}

/**
 * The task monitor: what workers, tasks and queues do, and how to steer them, behind Basic Auth; and /metrics of this
 * process on a port of its own, which the balancer does not know.
 */
export async function startMonitor(options: MonitorOptions): Promise<MonitorRole> {
  const { config, log } = options
  const { app, close } = await openMonitor(options)
  const metrics = metricsServer(log)
  try {
    await app.listen({ host: config.host, port: config.monitorPort })
    await listen(metrics, config.host, config.metricsPort)
  } catch (error) {
    await Promise.all([close(), hangUp(metrics)])
    throw error
  }
  return {
    metricsPort: (metrics.address() as { port: number }).port,
    async stop() {
      await Promise.all([close(), hangUp(metrics)])
    },
  }
}

const metricsServer = (log: Log): Server =>
  createServer(async (request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('Only /metrics is here.\n')
      return
    }
    try {
      const { type, text } = await renderMetrics()
      response.writeHead(200, { 'content-type': type }).end(text)
    } catch (error) {
      log.error({ event: 'metrics_failed', error })
      response.writeHead(500).end()
    }
  })

const listen = (server: Server, host: string, port: number) =>
  new Promise<void>((done, fail) => {
    server.once('error', fail)
    server.listen(port, host, () => done())
  })

const hangUp = (server: Server) =>
  new Promise<void>(done => {
    server.close(() => done())
    server.closeAllConnections()
  })
