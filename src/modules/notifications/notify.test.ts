import { afterAll, beforeAll, expect, it } from 'vitest'
import { signedIn, type TestServices, testServices } from '../../../test/harness.ts'
import { newId } from '../../lib/id.ts'
import { type NotificationInput, notify } from './index.ts'

let services: TestServices
let woken = 0
beforeAll(async () => {
  services = { ...(await testServices()), wakeRelay: () => void woken++ }
})
afterAll(() => services.close())

const input: NotificationInput = {
  type: 'top-up',
  priority: 'high',
  content: {
    fr: { title: 'Recharge reçue', body: 'Merci.' },
    en: { title: 'Top-up received', body: 'Thanks.' },
  },
}
const tell = (customerId: string, more: Partial<NotificationInput> = {}) =>
  services.db.tx(tx => notify(tx, services, { ...input, ...more, customerId }))

it('is kept in the language of its recipient, French where theirs is missing', async () => {
  const titles: Record<string, string> = {}
  for (const language of ['fr', 'en', 'wo'] as const) {
    const { id: customerId } = await signedIn(services, { language })
    const { id } = await tell(customerId)
    const [row] = await services.db.query<{ title: string }>(
      'select title from notifications where id = $1',
      [id],
    )
    titles[language] = row?.title ?? ''
  }
  expect(titles).toEqual({ fr: 'Recharge reçue', en: 'Top-up received', wo: 'Recharge reçue' })
})

it('is on its way to the devices in the same transaction, in the queue of its priority, and the relay is woken', async () => {
  const me = await signedIn(services)
  const before = woken
  const { id } = await tell(me.id, { requestId: 'request-7', expiresInSeconds: 60 })
  const [row] = await services.db.query<{ life: number; queue: string; task: string; request_id: string }>(
    `select extract(epoch from n.expires_at - n.created_at)::int life, d.queue, o.task, o.request_id
     from notifications n join deliveries d on d.notification_id = n.id
     join outbox o on o.payload ->> 'deliveryId' = d.id::text where n.id = $1`,
    [id],
  )
  expect(row).toEqual({
    life: 60,
    queue: 'high_priority',
    task: 'notifications.deliver',
    request_id: 'request-7',
  })
  expect(woken).toBeGreaterThan(before)
})

it('leaves nothing behind and tells nobody when the transaction does not commit', async () => {
  const me = await signedIn(services)
  const heard: unknown[] = []
  const stop = services.fanout.subscribe(`customer:${me.id}`, message => heard.push(message))
  await services.db
    .tx(async tx => {
      await notify(tx, services, { ...input, customerId: me.id })
      throw new Error('changed my mind')
    })
    .catch(() => undefined)
  expect(await services.db.query('select 1 from notifications where customer_id = $1', [me.id])).toEqual([])
  expect(heard).toEqual([])
  const { id } = await tell(me.id, { data: { meterId: 'm1' } })
  stop()
  expect(heard).toEqual([
    {
      type: 'notification',
      notification: {
        id,
        type: 'top-up',
        title: 'Recharge reçue',
        body: 'Merci.',
        createdAt: expect.any(String),
        read: false,
        broadcast: false,
        data: { meterId: 'm1' },
      },
    },
  ])
})

it('refuses a customer that does not exist, and staff', async () => {
  const admin = await signedIn(services, { role: 'admin' })
  for (const id of [newId(), admin.id]) await expect(tell(id)).rejects.toMatchObject({ code: 'not_found' })
})
