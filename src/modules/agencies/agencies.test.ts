import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestServices, testApp, testServices } from '../../../test/harness.ts'
import type { App } from '../../http/index.ts'
import { agenciesRoutes, agencyOf, ensureAgencies } from './index.ts'

let services: TestServices
let app: App

beforeAll(async () => {
  services = await testServices()
  app = await testApp(services, it => agenciesRoutes(it, services))
})
afterAll(async () => {
  await app.close()
  await services.close()
})

const list = (headers: Record<string, string> = {}) =>
  app.inject({ method: 'GET', url: '/v1/agencies', headers })

test('anybody reads the agencies, ids as strings, by name; who knows them is told so', async () => {
  await ensureAgencies(services, [
    { id: 7, name: 'Guédiawaye' },
    { id: 0, name: 'Médina' },
    { id: 1, name: 'Dakar-Plateau' },
  ])
  const first = await list()
  expect(first.statusCode).toBe(200)
  expect(first.json()).toEqual({
    items: [
      { id: '1', name: 'Dakar-Plateau' },
      { id: '7', name: 'Guédiawaye' },
      { id: '0', name: 'Médina' },
    ],
  })
  const etag = String(first.headers.etag)
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const again = await list({ 'if-none-match': known })
    expect([again.statusCode, again.body]).toEqual([304, ''])
  }
  expect((await list({ 'if-none-match': '"other"' })).statusCode).toBe(200)
})

test('a renamed agency shows at once, under another tag', async () => {
  const before = (await list()).headers.etag
  await ensureAgencies(services, [{ id: 7, name: 'Guédiawaye Nord' }])
  const after = await list({ 'if-none-match': String(before) })
  expect(after.statusCode).toBe(200)
  expect(after.json().items[1]).toEqual({ id: '7', name: 'Guédiawaye Nord' })
})

test('the back office may spell an agency without accents, in capitals, with other spaces', async () => {
  for (const name of ['DAKAR PLATEAU', ' dakar  plateau ', 'Dakar-Plateau']) {
    expect(await agencyOf(services, name)).toEqual({ id: 1, name: 'Dakar-Plateau' })
  }
  expect(await agencyOf(services, 'Ailleurs')).toBeNull()
  expect(await agencyOf(services, null)).toBeNull()
})
