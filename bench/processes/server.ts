// The product's API as a process of its own: all routes, gate, limits, log, database; as roles/api.ts starts it.
import { createServer } from 'node:http'
import type { Cache } from '../../src/cache/index.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import { metrics, type OpenLog, openLog } from '../../src/observability/index.ts'
import { startApi } from '../../src/roles/api.ts'
import { openServices } from '../../src/roles/services.ts'
import { startTraces } from '../../src/roles/traces.ts'
import { answerParent } from '../lib/child.ts'
import { takeTurns } from './turns.ts'

export interface ServerData {
  env: Record<string, string>
  logFile: string
  /** False: every reading goes to the database. */
  cache: boolean
  /** False: nothing is counted and nothing logged. */
  observed: boolean
  /** Whether it traces: to a collector that takes all, a hundredth kept. */
  traced: boolean
}

const uncached: Cache = {
  text: (_key, _scopes, _ttlMs, load) => load(),
  bytes: async (_key, _scopes, _ttlMs, load) => {
    const answer = await load()
    return typeof answer === 'string' ? Buffer.from(answer) : answer
  },
  bump: async () => undefined,
  state: () => 'ok',
  close: async () => undefined,
}

const nothing = () => undefined

async function trace(config: Config, log: OpenLog): Promise<() => Promise<void>> {
  const collector = createServer((request, response) => {
    request.resume().once('end', () => response.setHeader('content-type', 'application/json').end('{}'))
  })
  await new Promise<void>(done => collector.listen(0, '127.0.0.1', done))
  const { port } = collector.address() as { port: number }
  const end = await startTraces(
    {
      ...config,
      otelEndpoint: `http://127.0.0.1:${port}`,
      otelSampler: 'parentbased_traceidratio',
      otelSamplerArg: 0.01,
    },
    'bench',
    log,
  )
  return async () => {
    await end()
    collector.close()
    collector.closeAllConnections()
  }
}

answerParent<ServerData, { port: number }>(async ({ env, logFile, cache, observed, traced }) => {
  const config = loadConfig(observed ? env : { ...env, LOG_LEVEL: 'silent' })
  if (!observed) {
    for (const metric of Object.values(metrics))
      Object.assign(metric, { inc: nothing, observe: nothing, add: nothing, set: nothing })
  }
  const log = openLog({ level: config.logLevel, instance: config.instance, file: logFile })
  const endTraces = traced ? await trace(config, log) : async () => undefined
  const { services, close } = openServices(config, log, () => undefined)
  if (!cache) services.cache = uncached
  const api = await startApi(services, 'bench', () => 'ok')
  return {
    ready: { port: api.port },
    answer: ({ turns }: { turns: number }) => takeTurns(turns),
    async stop() {
      await api.stop()
      await close()
      await endTraces()
    },
  }
})
