import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type TestServices, testApp, testServices, until } from '../../test/harness.ts'
import { type App, watchHealth } from './index.ts'

let services: TestServices
beforeAll(async () => {
  services = await testServices()
})
afterAll(() => services.close())

const open: { close(): Promise<unknown> }[] = []
afterEach(() => Promise.all(open.splice(0).map(one => one.close())))

/** An instance whose dependencies answer as the test says. */
async function instance(checks: Record<string, () => Promise<boolean>>, vital = ['database']) {
  const health = watchHealth({ version: '1.2.3', instance: 'samaconso_1', checks, vital, everyMs: 20 })
  const app: App = await testApp(services, () => undefined, { health })
  open.push(app, { close: async () => health.stop() })
  const get = async (url = '/health') => {
    const answer = await app.inject(url)
    return { status: answer.statusCode, body: answer.json() }
  }
  return { health, get }
}

const ok = async () => true

describe('/health', () => {
  it('says that an instance runs, with its dependencies', async () => {
    const { get } = await instance({ database: ok, cache: ok })
    expect(await get()).toEqual({
      status: 200,
      body: {
        status: 'running',
        version: '1.2.3',
        instance: 'samaconso_1',
        services: { database: 'ok', cache: 'ok' },
      },
    })
  })

  it('a balancer that looks for the text finds it', async () => {
    const health = watchHealth({ version: '1', instance: 'x', checks: {}, vital: [] })
    const app = await testApp(services, () => undefined, { health })
    open.push(app, { close: async () => health.stop() })
    expect((await app.inject('/health')).body).toContain('"status":"running"')
  })

  it.each([
    ['says no', async () => false],
    ['rejects', () => Promise.reject(new Error('away'))],
    [
      'throws at once',
      () => {
        throw new Error('away')
      },
    ],
    ['never answers', () => new Promise<boolean>(() => undefined)],
  ])('a dependency that %s is down, and the instance stays in: degraded', async (_, check) => {
    const { get } = await instance({ database: ok, sms: check })
    await until('the look', async () => (await get()).body.degraded === true)
    expect(await get()).toMatchObject({
      status: 200,
      body: { status: 'running', degraded: true, services: { database: 'ok', sms: 'down' } },
    })
    expect((await get('/health/ready')).status).toBe(200)
  })

  it('without what is vital the instance is unavailable, and comes back by itself', async () => {
    let away = false
    const { get } = await instance({ database: async () => !away })
    expect((await get()).status).toBe(200)
    away = true
    await until('unavailable', async () => (await get()).status === 503)
    expect((await get()).body).toMatchObject({ status: 'unavailable', services: { database: 'down' } })
    expect((await get('/health/ready')).status).toBe(503)
    expect(await get('/health/live')).toEqual({ status: 200, body: { status: 'running' } })
    away = false
    await until('running', async () => (await get()).status === 200)
    expect((await get()).body).not.toHaveProperty('degraded')
  })

  it('an instance that drains says so, and stays alive', async () => {
    const { health, get } = await instance({ database: ok })
    health.drain()
    expect(await get()).toMatchObject({ status: 503, body: { status: 'draining' } })
    expect(await get('/health/ready')).toEqual({ status: 503, body: { status: 'draining' } })
    expect((await get('/health/live')).status).toBe(200)
  })

  it('never waits for a dependency, and asks none because it was asked', async () => {
    let looks = 0
    const { get } = await instance({
      database: () => {
        looks++
        return new Promise(() => undefined)
      },
    })
    const startedAt = performance.now()
    for (let i = 0; i < 200; i++) await get()
    expect((performance.now() - startedAt) / 200).toBeLessThan(20)
    expect(looks).toBe(1)
  })

  it('a look that hangs and ends at last counts again', async () => {
    let end: (ok: boolean) => void = () => undefined
    let hang = true
    const { get } = await instance({
      database: () =>
        hang
          ? new Promise(resolve => {
              end = resolve
            })
          : ok(),
    })
    await until('down', async () => (await get()).status === 503)
    hang = false
    end(true)
    await until('running', async () => (await get()).status === 200)
  })
})
