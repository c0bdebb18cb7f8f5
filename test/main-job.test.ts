import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { until } from './harness.ts'
import { askCode, type Product, signInCustomer, signInStaff, startProduct } from './product.ts'

const DEMO = { phone: '+221770000001', pin: '7394', meter: '14100000018', account: '1000000001' }
const ADMIN = ['admin', 'Admin-demo-2026'] as const

let product: Product
let awa: Awaited<ReturnType<typeof signInCustomer>>
let moussa: Awaited<ReturnType<typeof signInCustomer>>
beforeAll(async () => {
  product = await startProduct()
  awa = await signInCustomer(product, DEMO.phone, DEMO.pin)
  moussa = await signInCustomer(product, '+221770000002', '2846')
}, 120_000)
afterAll(() => product.stop())

/** What an open WebSocket heard. */
async function listen(token: string, lastSeenId?: string) {
  const socket = new WebSocket(`${product.api.replace('http', 'ws')}/v1/realtime`)
  // biome-ignore lint/suspicious/noExplicitAny: messages of the interface, read freely.
  const heard: any[] = []
  socket.on('message', data => heard.push(JSON.parse(data.toString())))
  await new Promise((done, fail) => {
    socket.once('open', done)
    socket.once('error', fail)
  })
  socket.send(JSON.stringify({ type: 'auth', token, ...(lastSeenId ? { lastSeenId } : {}) }))
  await until('ready', () => heard.some(message => message.type === 'ready'))
  return { heard, close: () => socket.close() }
}

describe('the main job, as people do it', () => {
  it('a customer of the demo follows the consumption of both their meters', async () => {
    const { token } = awa
    const { body: meters } = await product.call('GET', '/v1/meters', { token })
    expect(
      meters.items.map((meter: { number: string; role: string; status: string }) => [
        meter.number,
        meter.role,
        meter.status,
      ]),
    ).toEqual(
      expect.arrayContaining([
        [DEMO.meter, 'owner', 'active'],
        [DEMO.account, 'owner', 'active'],
      ]),
    )
    for (const meter of meters.items) {
      const summary = await product.call('GET', `/v1/meters/${meter.id}/summary`, { token })
      expect(summary.status).toBe(200)
      expect(summary.body).toMatchObject({ stale: false, month: { energyKwh: expect.any(Number) } })
      expect(summary.body.last).toBeTruthy()
      const year = new Date().getUTCFullYear() - 1
      const months = await product.call('GET', `/v1/meters/${meter.id}/months?year=${year}`, { token })
      expect(months.body.items).toHaveLength(12)
      const list = meter.kind === 'prepaid' ? 'topups' : 'bills'
      const first = await product.call('GET', `/v1/meters/${meter.id}/${list}?limit=2`, { token })
      expect(first.body.items).toHaveLength(2)
      const second = await product.call(
        'GET',
        `/v1/meters/${meter.id}/${list}?limit=2&cursor=${first.body.nextCursor}`,
        { token },
      )
      expect(second.body.items[0].id).not.toBe(first.body.items[1].id)
    }
  })

  it('somebody new registers with the code of an SMS and links their meter', async () => {
    const phone = '+221770001234'
    const code = await askCode(product, phone, 'register')
    const registered = await product.call('POST', '/v1/auth/register', {
      body: {
        phone,
        code,
        pin: '8052',
        firstName: 'Astou',
        lastName: 'Ndour',
        device: { id: 'phone-1', platform: 'android', pushToken: 'sim-astou' },
      },
    })
    expect(registered.status).toBe(201)
    const token = registered.body.accessToken
    const linked = await product.call('POST', '/v1/meters', {
      token,
      body: { kind: 'prepaid', number: '14100012344' },
    })
    expect([linked.status, linked.body.role ?? linked.body.code]).toEqual([201, 'owner'])
    expect(linked.body).toMatchObject({ status: 'active', default: true, agency: expect.anything() })
    const unknown = await product.call('POST', '/v1/meters', {
      token,
      body: { kind: 'prepaid', number: '99999999999' },
    })
    expect([unknown.status, unknown.body.code]).toEqual([404, 'meter_unknown'])
    const again = await product.call('POST', '/v1/meters', {
      token,
      body: { kind: 'prepaid', number: '14100012344' },
    })
    expect([again.status, again.body.code]).toEqual([409, 'already_linked'])
  })

  it('a purchase is told with its token, as a push and in the inbox, and shows in the top-ups', async () => {
    const { token, pushToken } = moussa
    const { body: meters } = await product.call('GET', '/v1/meters', { token })
    const meter = meters.items.find((item: { kind: string }) => item.kind === 'prepaid')
    const bought = await product.world('POST', '/sic/topups', { meter: meter.number, amountXof: 5_000 })
    await until(
      'the purchase in the list',
      async () => {
        const { body } = await product.call('GET', `/v1/meters/${meter.id}/topups?limit=1`, { token })
        return body.items[0]?.amountXof === 5_000 && bought
      },
      70_000,
    )
    const [told] = await until(
      'the purchase in the inbox',
      async () => {
        const { body } = await product.call('GET', '/v1/notifications', { token })
        const items = body.items.filter((item: { type: string }) => item.type === 'topup')
        return items.length > 0 && items
      },
      20_000,
    )
    expect(told.data).toEqual({ linkId: meter.id, topupId: bought.id })
    for (const code of bought.tokens) expect(told.body.replaceAll(' ', '')).toContain(code)
    await until('the push', async () =>
      JSON.stringify(await product.world('GET', `/push?token=${pushToken}`)).includes(told.id),
    )
  }, 90_000)

  it('an administrator notifies one customer, who hears it live, as a push, and finds it in the inbox', async () => {
    const { token, pushToken } = awa
    const socket = await listen(token)
    const admin = await signInStaff(product, ...ADMIN)
    const found = await product.call(
      'GET',
      `/v1/admin/customers?query=${encodeURIComponent('77 000 00 01')}`,
      { token: admin },
    )
    expect(found.body.items).toHaveLength(1)
    const content = { fr: { title: 'Votre rendez-vous', body: 'Le technicien passe demain.' } }
    const body = { customerId: found.body.items[0].id, content }
    const sent = await product.call('POST', '/v1/admin/notifications', {
      token: admin,
      key: 'one-notification',
      body,
    })
    expect(sent.status).toBe(202)
    const again = await product.call('POST', '/v1/admin/notifications', {
      token: admin,
      key: 'one-notification',
      body,
    })
    expect(again.body).toEqual(sent.body)
    await until('the notification on the socket', () =>
      socket.heard.some(
        message => message.type === 'notification' && message.notification?.title === 'Votre rendez-vous',
      ),
    )
    const pushes = await until('the push', async () => {
      const messages = await product.world('GET', `/push?token=${pushToken}`)
      return messages.length > 0 && messages
    })
    expect(JSON.stringify(pushes)).toContain(sent.body.id)
    const inbox = await product.call('GET', '/v1/notifications?unread=true', { token })
    expect(inbox.body.items.filter((item: { id: string }) => item.id === sent.body.id)).toHaveLength(1)
    await product.call('POST', `/v1/notifications/${sent.body.id}/read`, { token })
    const after = await product.call('GET', '/v1/notifications?unread=true', { token })
    expect(after.body.items.map((item: { id: string }) => item.id)).not.toContain(sent.body.id)
    socket.close()
  })

  it('an administrator tells everyone something and follows it to the end', async () => {
    const admin = await signInStaff(product, ...ADMIN)
    const { token, pushToken } = awa
    const audience = { kind: 'everyone' }
    const preview = await product.call('POST', '/v1/admin/broadcasts/preview', {
      token: admin,
      body: { audience },
    })
    expect(preview.body.customers).toBeGreaterThanOrEqual(2)
    const socket = await listen(token)
    const created = await product.call('POST', '/v1/admin/broadcasts', {
      token: admin,
      key: 'everyone-1',
      body: {
        audience,
        content: { fr: { title: 'Travaux', body: 'Coupure dimanche de 8 h à 10 h.' } },
        priority: 'urgent',
      },
    })
    expect(created.status).toBe(202)
    const done = await until(
      'the end of the broadcast',
      async () => {
        const { body } = await product.call('GET', `/v1/admin/broadcasts/${created.body.id}`, {
          token: admin,
        })
        return body.state === 'done' && body
      },
      30_000,
    )
    expect(done.counts).toMatchObject({
      devices: preview.body.devices,
      sent: preview.body.devices,
      pending: 0,
    })
    await until('the broadcast on the socket', () =>
      socket.heard.some(
        message => message.type === 'notification' && message.notification?.id === created.body.id,
      ),
    )
    await until('the push', async () =>
      JSON.stringify(await product.world('GET', `/push?token=${pushToken}`)).includes(created.body.id),
    )
    const inbox = await product.call('GET', '/v1/notifications?limit=1', { token })
    expect(inbox.body.items[0]).toMatchObject({
      id: created.body.id,
      broadcast: true,
      title: 'Travaux',
      read: false,
    })
    socket.close()
  })
})
