import { afterAll, beforeAll, expect, it } from 'vitest'
import { signedIn, type TestServices, testServices, withDevice } from '../../../../test/harness.ts'
import { notify } from '../notify.ts'
import { openEngine } from './deliver.ts'
import { parkedDeliveries, replayDeliveries } from './parked.ts'
import { sweepDeliveries } from './sweep.ts'

let services: TestServices
beforeAll(async () => {
  services = await testServices()
})
afterAll(() => services.close())

it('a unit that was put aside is shown, sent again when a person says so, and delivered', async () => {
  const { db, clock } = services
  const { id: customerId } = await signedIn(services)
  await withDevice(services, customerId, 'token')
  const { id: notificationId } = await db.tx(tx =>
    notify(tx, services, {
      customerId,
      type: 'test',
      priority: 'high',
      content: { fr: { title: 'Bonjour', body: 'Un essai' } },
    }),
  )
  await db.query('update deliveries set takes = 6')
  const deliver = openEngine(services)
  const [unit] = await db.query<{ id: string }>('select id from deliveries')
  const id = unit?.id as string
  await deliver(id, new AbortController().signal)

  expect(await parkedDeliveries(db, 10)).toMatchObject({
    items: [{ id, notificationId, broadcastId: null, queue: 'high_priority', reason: 'taken too often' }],
    total: 1,
  })
  const parkedAt = (await parkedDeliveries(db, 10)).items[0]?.parkedAt.getTime() ?? 0
  expect(Math.abs(parkedAt - clock.now())).toBeLessThan(5_000)

  expect(await replayDeliveries(db, [id], clock.now())).toEqual([id])
  expect(await replayDeliveries(db, [id], clock.now())).toEqual([])
  await db.query('truncate outbox')
  expect(await sweepDeliveries(services)).toBe(1)
  await deliver(id, new AbortController().signal)
  expect(await db.query('select state, sent, takes from deliveries')).toEqual([
    { state: 'done', sent: 1, takes: 1 },
  ])
  expect(await parkedDeliveries(db, 10)).toEqual({ items: [], total: 0 })
})
