// The product's API as a process of its own: all routes, gate, limits, log, database; as roles/api.ts starts it.
import type { Cache } from '../../src/cache/index.ts'
import { loadConfig } from '../../src/config.ts'
import { metrics, openLog } from '../../src/observability/index.ts'
import { startApi } from '../../src/roles/api.ts'
import { openServices } from '../../src/roles/services.ts'
import { answerParent } from '../lib/child.ts'

export interface ServerData {
  env: Record<string, string>
  logFile: string
  /** False: every reading goes to the database. */
  cache: boolean
  /** False: nothing is counted and nothing logged. */
  observed: boolean
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

answerParent<ServerData, { port: number }>(async ({ env, logFile, cache, observed }) => {
  const config = loadConfig(observed ? env : { ...env, LOG_LEVEL: 'silent' })
  if (!observed) {
    for (const metric of Object.values(metrics))
      Object.assign(metric, { inc: nothing, observe: nothing, add: nothing, set: nothing })
  }
  const log = openLog({ level: config.logLevel, instance: config.instance, file: logFile })
  const { services, close } = openServices(config, log, () => undefined)
  if (!cache) services.cache = uncached
  const api = await startApi(services, 'bench', () => 'ok')
  return {
    ready: { port: api.port },
    async stop() {
      await api.stop()
      await close()
    },
  }
})
