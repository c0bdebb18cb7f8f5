import { expect, it } from 'vitest'
import { testConfig } from '../../test/harness.ts'
import { openLog } from '../observability/index.ts'
import { startMetrics } from './metrics.ts'

const log = openLog({ level: 'silent', instance: 'test' })

it('gives the metrics of this process on a port of their own, and nothing else', async () => {
  const metrics = await startMetrics(testConfig(), log)
  const ask = (path: string) => fetch(`http://127.0.0.1:${metrics.port}${path}`)
  expect(await (await ask('/metrics')).text()).toContain('nodejs_heap_size_used_bytes')
  expect((await ask('/')).status).toBe(404)
  const config = testConfig({ METRICS_PORT: String(metrics.port) })
  await expect(startMetrics(config, log)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await metrics.stop()
  await expect(ask('/metrics')).rejects.toThrow()
})
