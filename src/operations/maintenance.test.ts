import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  signedIn,
  type TestAccount,
  type TestServices,
  testApp,
  testServices,
  until,
} from '../../test/harness.ts'
import type { App } from '../http/index.ts'
import { businessRoutes } from '../roles/api.ts'
import { endMaintenance, startMaintenance, watchMaintenance } from './maintenance.ts'

let services: TestServices
let app: App
let watch: ReturnType<typeof watchMaintenance>
let customer: TestAccount
let admin: TestAccount

beforeAll(async () => {
  services = await testServices()
  watch = watchMaintenance(services, 20)
  app = await testApp(services, instance => businessRoutes(instance, services, services.tokens), {
    maintenance: watch.now,
  })
  customer = await signedIn(services)
  admin = await signedIn(services, { role: 'admin' })
})
afterAll(async () => {
  await app.close()
  await watch.stop()
  await services.close()
})

const get = (url: string, account?: TestAccount) =>
  app.inject({ url, headers: account ? { authorization: account.authorization } : {} })

it('customers are told to come back, in the operator’s words; staff and health go on; and it ends', async () => {
  expect((await get('/v1/notifications', customer)).statusCode).toBe(200)
  const until_ = new Date(services.clock.now() + 120_000)
  await startMaintenance(services.db, { until: until_, message: 'Retour à 14 h.' })
  await until('the switch', () => watch.now())

  const refused = await get('/v1/notifications', customer)
  expect(refused.statusCode).toBe(503)
  expect(refused.headers['content-type']).toContain('application/problem+json')
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(100)
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(120)
  expect(refused.json()).toMatchObject({ code: 'maintenance', status: 503, detail: 'Retour à 14 h.' })
  expect((await get('/v1/agencies')).statusCode).toBe(503)
  expect((await get('/v1/me', customer)).statusCode).toBe(503)

  expect((await get('/v1/me', admin)).statusCode).toBe(200)
  expect((await get('/v1/admin/broadcasts', admin)).statusCode).toBe(200)
  expect((await get('/health')).statusCode).toBe(200)
  expect((await get('/openapi.json')).statusCode).toBe(200)

  const token = (payload: object) => app.inject({ method: 'POST', url: '/v1/auth/token', payload })
  const device = { id: 'x', platform: 'android' }
  expect((await token({ grant: 'pin', phone: '770000001', pin: '7394', device })).statusCode).toBe(503)
  expect((await token({ grant: 'password', login: 'nobody', password: 'x' })).statusCode).toBe(401)

  expect(await endMaintenance(services.db)).toBe(true)
  expect(await endMaintenance(services.db)).toBe(false)
  await until('the end', () => !watch.now())
  expect((await get('/v1/notifications', customer)).statusCode).toBe(200)
})

it('an end that was announced and is over still asks for patience, within bounds', async () => {
  await startMaintenance(services.db, { until: new Date(services.clock.now() - 60_000), message: null })
  await until('the switch', () => watch.now())
  expect((await get('/v1/agencies')).headers['retry-after']).toBe('15')
  await endMaintenance(services.db)
  await until('the end', () => !watch.now())
})
