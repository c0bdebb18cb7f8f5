import {
  type AccessTokens,
  type App,
  buildApp,
  type Health,
  type Maintenance,
  openAccessTokens,
  watchHealth,
} from '../http/index.ts'
import { accountsRoutes, watchRevocations } from '../modules/accounts/index.ts'
import { agenciesRoutes } from '../modules/agencies/index.ts'
import { broadcastRoutes } from '../modules/broadcasts/index.ts'
import { consumptionRoutes } from '../modules/consumption/index.ts'
import { metersRoutes } from '../modules/meters/index.ts'
import { notificationsRealtime, notificationsRoutes } from '../modules/notifications/index.ts'
import { metrics, onScrape } from '../observability/index.ts'
import { watchMaintenance } from '../operations/maintenance.ts'
import type { Services } from '../services.ts'
import { showDependencies } from './measure.ts'

/** Connections that wait to be taken; the kernel's own limit (net.core.somaxconn) holds as well. */
const BACKLOG = 8_192

/**
 * HAProxy has seen by then that an instance leaves; ms. An F5 may take 31 s: requests are served for the whole time of draining, and an
 * app that comes back here meanwhile is sent away, and comes again.
 */
const NOTICED_MS = 12_000

/** Every route of the business. */
export function businessRoutes(app: App, services: Services, tokens: AccessTokens): void {
  accountsRoutes(app, services, tokens)
  agenciesRoutes(app, services)
  metersRoutes(app, services)
  consumptionRoutes(app, services)
  notificationsRoutes(app, services)
  broadcastRoutes(app, services)
}

export interface ApiRole {
  app: App
  port: number
  /** As /health tells it. */
  status(): ReturnType<Health['report']>['status']
  /** Resolves when it has looked at all that it needs. */
  looked: Promise<unknown>
  /** Shows "draining" for as long as the balancer needs, finishes what is under way, closes sockets with a reason. */
  stop(): Promise<void>
}

/** The HTTP application with all routes, not listening yet. */
export const openApi = (
  services: Services,
  tokens: AccessTokens,
  health: Health,
  version: string,
  maintenance?: () => Maintenance | undefined,
): Promise<App> =>
  buildApp(
    {
      tokens,
      limiter: services.limiter,
      clock: services.clock,
      log: services.log,
      health,
      version,
      limits: {
        perAccount: services.config.limitPerAccount,
        perNetwork: services.config.limitPerNetwork,
      },
      trustedBalancers: services.config.trustedBalancers,
      ...(maintenance ? { maintenance } : {}),
      logReadings: () => services.log.level === 'debug',
    },
    app => businessRoutes(app, services, tokens),
  )

/** Starts the API: HTTP and WebSocket. */
export async function startApi(
  services: Services,
  version: string,
  brokerState: () => 'ok' | 'down',
): Promise<ApiRole> {
  const { config } = services
  const tokens = await openAccessTokens(config.tokenKey, services.clock)
  const health = watchHealth({
    version,
    instance: config.instance,
    checks: {
      // One that answers and is empty serves nobody: its server was just built anew.
      database: async () => (await services.db.query('select 1 from schema_migrations limit 1')).length === 1,
      cache: async () => services.cache.state() === 'ok',
      broker: async () => brokerState() === 'ok',
      storage: async () => services.storage.state() === 'ok',
      sic: async () => services.backoffice.state().sic === 'ok',
      postpaid: async () => services.backoffice.state().postpaid === 'ok',
      push: async () => services.push.state() === 'ok',
      sms: async () => services.sms.state() === 'ok',
    },
    vital: ['database'],
  })
  const maintenance = watchMaintenance(services)
  await maintenance.ready
  const app = await openApi(services, tokens, health, version, maintenance.now)
  const realtime = notificationsRealtime(app, services, tokens)
  const revocations = watchRevocations(services, tokens)
  const unwatch = onScrape(() => {
    const { sockets, entering } = realtime.stats()
    metrics.websockets.set({ state: 'open' }, sockets - entering)
    metrics.websockets.set({ state: 'entering' }, entering)
    showDependencies(health.report().services)
  })
  await revocations.ready
  // Thousands come back at once when another instance leaves: they wait in line instead of finding a closed door.
  await app.listen({ host: config.host, port: config.port, backlog: BACKLOG })
  return {
    app,
    port: (app.server.address() as { port: number }).port,
    status: () => health.report().status,
    looked: health.looked,
    async stop() {
      health.drain()
      const drainMs = config.drainSeconds * 1_000
      const noticedMs = Math.min(drainMs, NOTICED_MS)
      await new Promise(done => setTimeout(done, noticedMs))
      // In what is left of the time, so that thousands do not come to the next instance in one moment.
      await realtime.closeAll('restart', drainMs - noticedMs)
      await app.close()
      await revocations.stop()
      await maintenance.stop()
      health.stop()
      unwatch()
    },
  }
}
