import { fileURLToPath } from 'node:url'
import type { App } from '../http/fastify.ts'
import { systemClock } from '../lib/clock.ts'
import { openLog } from '../observability/index.ts'
import { buildMonitorApp, type MonitorApp } from './app.ts'
import { type Desk, openDesk } from './desk.ts'
import { monitorDocument } from './openapi.ts'
import type { MonitorOptions } from './options.ts'
import { auditRoutes } from './routes/audit.ts'
import { broadcastRoutes } from './routes/broadcasts.ts'
import { overviewRoutes } from './routes/overview.ts'
import { pageRoutes } from './routes/pages.ts'
import { parkedRoutes } from './routes/parked.ts'
import { taskCommandRoutes } from './routes/task-commands.ts'
import { taskRoutes } from './routes/tasks.ts'
import { workerRoutes } from './routes/workers.ts'
import { openWeb, type Web } from './web.ts'

export type { MonitorApp } from './app.ts'
export type { DeliveryParking, MonitorOptions } from './options.ts'

/** What `web/build.ts` made. */
const WEB_FOLDER = fileURLToPath(new URL('../../web/dist/monitor/', import.meta.url))

export interface MonitorRole {
  stop(): Promise<void>
}

/** The monitor without its port, for `inject`: with every route, and how to stop listening to workers. */
export async function openMonitor(options: MonitorOptions): Promise<MonitorApp & { close(): Promise<void> }> {
  const { config, clock, log } = options
  const desk = openDesk(options)
  const web = openWeb(WEB_FOLDER)
  const { app, routes } = await buildMonitorApp(
    {
      user: config.monitorUser,
      password: config.monitorPassword,
      viewer: config.monitorViewerPassword
        ? { user: config.monitorViewerUser, password: config.monitorViewerPassword }
        : null,
      isReadOnly: config.monitorReadOnly === 'true',
      trustedBalancers: config.trustedBalancers,
      clock,
      log,
    },
    app => declareRoutes(app, desk, web),
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

function declareRoutes(app: App, desk: Desk, web: Web): void {
  overviewRoutes(app, desk, web)
  pageRoutes(app, desk, web)
  broadcastRoutes(app, desk)
  auditRoutes(app, desk)
  workerRoutes(app, desk)
  taskRoutes(app, desk)
  taskCommandRoutes(app, desk)
  parkedRoutes(app, desk)
}

/** The OpenAPI document of the monitor, as text; nothing is started for it. */
export async function monitorOpenApi(version: string): Promise<string> {
  const log = openLog({ level: 'silent', instance: 'openapi' })
  const options = { user: '', password: '', viewer: null, isReadOnly: true, trustedBalancers: [], log }
  // Routes are only declared: nothing of the desk is called.
  const { app, routes } = await buildMonitorApp({ ...options, clock: systemClock }, app =>
    declareRoutes(app, {} as Desk, {} as Web),
  )
  await app.close()
  return `${JSON.stringify(monitorDocument(routes, version), null, 2)}\n`
}

/** The task monitor: what workers, tasks and queues do, and how to steer them, behind Basic Auth. */
export async function startMonitor(options: MonitorOptions): Promise<MonitorRole> {
  const { config } = options
  const { app, close } = await openMonitor(options)
  try {
    await app.listen({ host: config.host, port: config.monitorPort })
  } catch (error) {
    await close()
    throw error
  }
  return { stop: close }
}
