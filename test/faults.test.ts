import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from './harness.ts'
import { type Product, signInCustomer, signInStaff, startProduct } from './product.ts'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const DEMO = ['+221770000001', '7394'] as const
const DEVICES = 20_000
const CHUNK = 500

let product: Product
let admin: string
let awa: Awaited<ReturnType<typeof signInCustomer>>
beforeAll(async () => {
  product = await startProduct()
  awa = await signInCustomer(product, ...DEMO)
  admin = await signInStaff(product, 'admin', 'Admin-demo-2026')
}, 120_000)
afterAll(() => product.stop())

describe('the back office in trouble', () => {
  let token: string
  let meter: string
  let account: string

  beforeAll(async () => {
    token = awa.token
    const { body } = await product.call('GET', '/v1/meters', { token })
    meter = body.items.find((item: { kind: string }) => item.kind === 'prepaid').id
    account = body.items.find((item: { kind: string }) => item.kind === 'postpaid').id
    await product.call('GET', `/v1/meters/${meter}/summary`, { token })
    await product.call('GET', `/v1/meters/${account}/summary`, { token })
  })
  const behave = (system: string, mode: string, latencyMs?: number) =>
    product.world('POST', '/backoffice/behaviour', { system, mode, ...(latencyMs ? { latencyMs } : {}) })

  it.each([
    ['down', undefined],
    ['slow', 10_000],
    ['error-mid-rows', undefined],
  ])(
    'SIC %s: the stale copy or a clear 503 within 2 s, few connections, recovery by itself',
    async (mode, latencyMs) => {
      await behave('sic', mode, latencyMs)
      // What is kept fresh for a minute is asked anew by another question.
      const year = new Date().getUTCFullYear() - 2
      for (let round = 0; round < 4; round++) {
        const answers = await Promise.all(
          Array.from({ length: 25 }, async (_, i) => {
            const path = i % 2 ? `/v1/meters/${meter}/summary` : `/v1/meters/${meter}/months?year=${year}&`
            const startedAt = performance.now()
            const answer = await product.call('GET', path.replace(/&$/, ''), { token })
            return { ...answer, ms: performance.now() - startedAt }
          }),
        )
        for (const { status, body, ms, headers } of answers) {
          expect([200, 503]).toContain(status)
          if (status === 503) {
            expect(body.code).toBe('backoffice_unavailable')
            expect(headers.get('retry-after')).toBeTruthy()
          }
          expect(ms).toBeLessThan(2_000)
        }
      }
      const stats = await product.world('GET', '/backoffice/stats')
      expect(stats.sic.peak ?? stats.sic.peakConnections).toBeLessThanOrEqual(5)
      await behave('sic', 'ok')
      await until(
        'SIC to be used again',
        async () => {
          const { status, body } = await product.call(
            'GET',
            `/v1/meters/${meter}/topups?limit=3&from=2025-01-01&to=2025-06-30`,
            { token },
          )
          return status === 200 && !body.stale
        },
        20_000,
      )
    },
    60_000,
  )

  it('Postpaid down: the last known copy, marked stale with its time', async () => {
    await behave('postpaid', 'down')
    const answer = await until(
      'a stale answer',
      async () => {
        const { status, body } = await product.call('GET', `/v1/meters/${account}/summary`, { token })
        return status === 200 && body.stale && body
      },
      75_000,
    )
    expect(Date.parse(answer.asOf)).toBeLessThan(Date.now())
    await behave('postpaid', 'ok')
  }, 90_000)
})

describe('delivery in trouble', () => {
  const broadcast = async (key: string) => {
    const { body } = await product.call('POST', '/v1/admin/broadcasts', {
      token: admin,
      key,
      body: { audience: { kind: 'everyone' }, content: { fr: { title: 'À tous', body: 'Un message.' } } },
    })
    if (body.state === 'awaiting-approval') {
      const second = await signInStaff(product, 'admin2', 'Admin2-demo-2026')
      await product.call('POST', `/v1/admin/broadcasts/${body.id}/approve`, { token: second })
    }
    return body.id as string
  }
  const progress = async (id: string) => {
    const { body } = await product.call('GET', `/v1/admin/broadcasts/${id}`, { token: admin })
    return body
  }

  it('FCM dead for a while: nothing is lost, all is sent after', async () => {
    const { pushToken } = awa
    await product.world('POST', '/push/behaviour', { outcome: 'dead', share: 1 })
    const found = await product.call('GET', '/v1/admin/customers?query=770000001', { token: admin })
    const ids: string[] = []
    for (let i = 0; i < 5; i++) {
      const { body } = await product.call('POST', '/v1/admin/notifications', {
        token: admin,
        key: `dead-${i}`,
        body: {
          customerId: found.body.items[0].id,
          content: { fr: { title: `Message ${i}`, body: 'Texte' } },
        },
      })
      ids.push(body.id)
    }
    await new Promise(done => setTimeout(done, 3_000))
    expect(JSON.stringify(await product.world('GET', `/push?token=${pushToken}`))).not.toContain(ids[0])
    await product.world('POST', '/push/behaviour', { outcome: 'ok', share: 1 })
    await until(
      'all five on the phone',
      async () => {
        const text = JSON.stringify(await product.world('GET', `/push?token=${pushToken}`))
        return ids.every(id => text.includes(id))
      },
      90_000,
    )
  }, 120_000)

  it('SIGKILL in the middle of a broadcast to 20,000 devices: it goes on by itself and reaches every one', async () => {
    const seeded = spawnSync(process.execPath, [MAIN, 'seed', '--customers', String(DEVICES)], {
      env: { ...process.env, DATA_DIR: product.dataDir },
      encoding: 'utf8',
      timeout: 60_000,
    })
    expect(seeded.status, seeded.stderr).toBe(0)
    await product.world('DELETE', '/push')
    const { body: preview } = await product.call('POST', '/v1/admin/broadcasts/preview', {
      token: admin,
      body: { audience: { kind: 'everyone' } },
    })
    const id = await broadcast('killed')
    await until(
      'the middle of it',
      async () => (await progress(id)).counts.sent > preview.devices / 5,
      60_000,
    )
    await product.kill()
    await product.start()
    admin = await signInStaff(product, 'admin', 'Admin-demo-2026')
    expect((await progress(id)).state).toBe('running')
    const done = await until(
      'the end of the broadcast',
      async () => {
        const body = await progress(id)
        return body.state === 'done' && body
      },
      120_000,
    )
    expect(done.counts).toMatchObject({ devices: preview.devices, sent: preview.devices, pending: 0 })
    const stats = await product.world('GET', '/push/stats')
    expect(stats.distinct).toBe(preview.devices)
    // Chunks that were taken and not recorded: at most one per slot of the queue.
    expect(stats.duplicates).toBeLessThanOrEqual(4 * (CHUNK + 10))
  }, 240_000)
})
