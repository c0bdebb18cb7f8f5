import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestServices, testApp, testServices } from '../../test/harness.ts'
import { families, sumOf } from '../../test/observability/exposition.ts'
import { renderMetrics } from '../observability/index.ts'
import type { App } from './index.ts'

const LONG_MS = 60

let services: TestServices
let app: App
beforeAll(async () => {
  services = await testServices()
  app = await testApp(services, app => {
    app.get('/v1/takes-long', { config: { access: 'public' } }, async () => {
      await pause(LONG_MS)
      return {}
    })
  })
})
afterAll(async () => {
  await app.close()
  await services.close()
})

it('a request counts with the time that it took', async () => {
  const answers = await Promise.all([1, 2, 3].map(() => app.inject('/v1/takes-long')))
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200])
  const all = families((await renderMetrics()).text)
  const of = { route: '/v1/takes-long', status: '200' }
  const count = sumOf(all, 'samaconso_http_request_duration_seconds_count', of)
  const seconds = sumOf(all, 'samaconso_http_request_duration_seconds_sum', of)
  expect(count).toBe(3)
  // Timers may be early by a millisecond.
  expect(seconds).toBeGreaterThanOrEqual((3 * (LONG_MS - 1)) / 1_000)
  expect(seconds).toBeLessThan(30)
})
