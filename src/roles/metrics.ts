import { createServer, type Server } from 'node:http'
import type { Config } from '../config.ts'
import { type Log, renderMetrics } from '../observability/index.ts'

/** /metrics of this process on a port of its own, which the balancer does not know. */
export async function startMetrics(
  { host, metricsPort }: Config,
  log: Log,
): Promise<{ port: number; stop(): Promise<void> }> {
  const server: Server = createServer(async (request, response) => {
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
  await new Promise<void>((done, fail) => {
    server.once('error', fail)
    server.listen(metricsPort, host, () => done())
  })
  return {
    port: (server.address() as { port: number }).port,
    stop: () =>
      new Promise(done => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}
