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
