import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { CONTENT, type Desk, EVERYONE, openDesk } from '../../../test/desk.ts'
import { populate, startEngine } from '../../../test/engine.ts'
import { signedIn, until, withDevice } from '../../../test/harness.ts'
import { notify, sweepDeliveries } from '../notifications/index.ts'
import { sweepBroadcasts } from './index.ts'

let desk: Desk
beforeAll(async () => {
  desk = await openDesk()
})
afterAll(() => desk.close())

let engines: Awaited<ReturnType<typeof startEngine>>[]
let sentAt: number[]
let scheduler: NodeJS.Timeout
beforeEach(async () => {
  await desk.clear()
  sentAt = []
  // Of two relays the last is woken; the other looks by itself.
  engines = [await startEngine(desk.services), await startEngine(desk.services)]
  scheduler = setInterval(() => {
    Promise.all([sweepBroadcasts(desk.services), sweepDeliveries(desk.services)]).catch(fail)
  }, 1_000)
  desk.services.answer.push = async () => {
    sentAt.push(performance.now())
    return { outcome: 'sent' }
  }
})
afterEach(async () => {
  clearInterval(scheduler)
  for (const engine of engines) await engine.stop()
})

const fail = (error: unknown) => {
  throw error
}

/** The most that was sent in any stretch of so many ms. */
function mostWithin(ms: number): number {
  let most = 0
  let first = 0
  for (const [i, at] of sentAt.entries()) {
    while (at - (sentAt[first] as number) > ms) first++
    most = Math.max(most, i - first + 1)
  }
  return most
}

it('a limit holds for all workers together, and is reached', async () => {
  await populate(desk.services, { name: 'r', customers: 800, devices: [2] })
  const id = await desk.started(EVERYONE, { ratePerSecond: 200 })
  await until('its end', async () => (await desk.shown(id)).finishedAt, 20_000)
  expect(sentAt).toHaveLength(1_600)
  const seconds = ((sentAt.at(-1) as number) - (sentAt[0] as number)) / 1_000
  expect(1_600 / seconds).toBeLessThan(200 * 1.2)
  expect(1_600 / seconds).toBeGreaterThan(200 * 0.7)
  // Whatever the machine does beside: what waited in chunks, and what a pause of the planner is made up for.
  expect(mostWithin(5_000)).toBeLessThanOrEqual(1_000 * 1.2)
}, 40_000)

it('a limit is not made up for after a pause, and another rate acts at once', async () => {
  await populate(desk.services, { name: 'r', customers: 400 })
  const id = await desk.started(EVERYONE, { ratePerSecond: 50 })
  await until('some', () => sentAt.length > 20)
  await desk.act('pause', id)
  await new Promise(done => setTimeout(done, 3_000))
  sentAt.length = 0
  await desk.act('resume', id)
  await new Promise(done => setTimeout(done, 2_000))
  expect(sentAt.length).toBeGreaterThan(20)
  // What was planned for a second when it was paused, and two seconds' worth.
  expect(sentAt.length).toBeLessThan(50 * 3 * 1.2)
  const answer = await desk.app.inject({
    method: 'PATCH',
    url: `/v1/admin/broadcasts/${id}`,
    headers: { authorization: desk.admin.authorization },
    payload: { ratePerSecond: null },
  })
  expect(answer.json()).toMatchObject({ rateLimit: null })
  await until('the rest', async () => (await desk.shown(id)).finishedAt, 3_000)
}, 40_000)

it('what could not be sent counts towards the limit when it is sent again', async () => {
  await populate(desk.services, { name: 'r', customers: 100 })
  let failed = 0
  desk.services.answer.push = async () => {
    if (failed++ < 50) return { outcome: 'retry', reason: 'UNAVAILABLE', afterMs: 0, ambiguous: false }
    return { outcome: 'sent' }
  }
  await desk.started(EVERYONE, { ratePerSecond: 50 })
  await until('the first', () => failed >= 50)
  const [row] = await desk.services.db.query<{ ahead: number }>(
    'select extract(epoch from paced_until - $1::timestamptz)::float8 ahead from broadcasts',
    [new Date(desk.services.clock.now())],
  )
  expect(row?.ahead).toBeGreaterThan(0.2)
})

it('a single urgent push is prompt while an urgent broadcast fills the channel and its queue', async () => {
  await populate(desk.services, { name: 'u', customers: 2_000 })
  let id = ''
  desk.services.answer.push = async ({ notificationId }) => {
    if (notificationId === id) await new Promise(done => setTimeout(done, 400))
    return { outcome: 'sent' }
  }
  id = await desk.started(EVERYONE, { priority: 'urgent' })
  await until('the broadcast to fill the channel', () => desk.services.pushes.length >= 90)
  const customer = await signedIn(desk.services)
  for (let n = 0; n < 5; n++) {
    await withDevice(desk.services, customer.id, `single-${n}`)
    const at = performance.now()
    await desk.services.db.tx(tx =>
      notify(tx, desk.services, { customerId: customer.id, type: 't', priority: 'urgent', content: CONTENT }),
    )
    await until('the single push', () => desk.services.pushes.some(push => push.token === `single-${n}`))
    expect(performance.now() - at).toBeLessThan(1_000)
  }
  await desk.act('cancel', id)
  await desk.ended(id)
}, 40_000)
