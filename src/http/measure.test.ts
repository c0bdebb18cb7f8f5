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
    app.get('/v1/written', { config: { access: 'public' } }, async (_request, reply) => {
      await pause(LONG_MS)
      reply.sendWritten(Buffer.from('{"été":1}'))
    })
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

it.each(['/v1/takes-long', '/v1/written'])('a request counts with the time that it took: %s', async route => {
  const answers = await Promise.all([1, 2, 3].map(() => app.inject(route)))
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200])
  const all = families((await renderMetrics()).text)
  const of = { route, status: '200', method: 'GET' }
  const count = sumOf(all, 'samaconso_http_request_duration_seconds_count', of)
  const seconds = sumOf(all, 'samaconso_http_request_duration_seconds_sum', of)
  expect(count).toBe(3)
  // Timers may be early by a millisecond.
  expect(seconds).toBeGreaterThanOrEqual((3 * (LONG_MS - 1)) / 1_000)
  expect(seconds).toBeLessThan(30)
})

it('written JSON is sent as it is, with what the gate says, and without a body to who asks for the head', async () => {
  const whole = await app.inject('/v1/written')
  expect(whole.json()).toEqual({ été: 1 })
  const { headers } = await app.inject({ method: 'HEAD', url: '/v1/written' })
  for (const said of [whole.headers, headers]) {
    expect(said).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-length': '11',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    })
    expect(said['x-request-id']).toMatch(/^[\w-]{36}$/)
    expect(said['ratelimit-remaining']).toBeDefined()
  }
  expect((await app.inject({ method: 'HEAD', url: '/v1/written' })).body).toBe('')
})
