import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { CONTENT, type Desk, EVERYONE, openDesk, sumOfOutcomes } from '../../../test/desk.ts'
import { populate, startEngine } from '../../../test/engine.ts'
import { signedIn, until, withDevice } from '../../../test/harness.ts'
import type { PushOutcome } from '../../channels/types.ts'
import { notify, reviveDeliveries, sweepDeliveries } from '../notifications/index.ts'
import { sweepBroadcasts } from './index.ts'
import type { Broadcast, WantedAudience } from './schema.ts'

let desk: Desk
beforeAll(async () => {
  desk = await openDesk()
})
afterAll(() => desk.close())

const tokens = () => desk.services.pushes.map(push => push.token)

let engine: Awaited<ReturnType<typeof startEngine>>
beforeEach(async () => {
  await desk.clear()
  engine = await startEngine(desk.services)
})
afterEach(() => engine.stop())

it('reaches each of 5,000 devices once, and its counts are the devices exactly', async () => {
  await populate(desk.services, { name: 'all', customers: 2_500, devices: [1, 3, 2, 0, 4] })
  const reach = await desk.preview(EVERYONE)
  expect(reach).toEqual({ customers: 2_500, devices: 5_000 })
  const progress: { counts: Broadcast['counts']; state: string }[] = []
  desk.services.answer.push = async ({ token }) => {
    await new Promise(done => setTimeout(done, 15))
    return token.endsWith('7-1') ? { outcome: 'unregistered' } : { outcome: 'sent' }
  }
  const id = await desk.started(EVERYONE)
  desk.services.fanout.subscribe(
    `broadcast:${id}`,
    message => void progress.push(message as (typeof progress)[0]),
  )
  const broadcast = await desk.ended(id)
  // The last word on the progress follows the end, which the database knows first.
  await until('the last progress', () => progress.at(-1)?.state === 'done')
  expect(new Set(tokens()).size).toBe(5_000)
  expect(tokens()).toHaveLength(5_000)
  expect(new Set(desk.services.pushes.map(push => push.notificationId))).toEqual(new Set([id]))
  expect(broadcast).toMatchObject({
    state: 'done',
    customers: 2_500,
    counts: { devices: 5_000, unregistered: 250, pending: 0 },
    reasons: { unregistered: 250 },
    ratePerSecond: 0,
  })
  expect(sumOfOutcomes(broadcast.counts)).toBe(5_000)
  expect(progress.length).toBeGreaterThanOrEqual(2)
  for (const { counts } of progress) expect(sumOfOutcomes(counts)).toBe(5_000)
  expect(progress.at(-1)).toMatchObject({ state: 'done', counts: { pending: 0 } })
  expect(await desk.preview(EVERYONE), 'dead tokens are gone').toEqual({ customers: 2_500, devices: 4_750 })
})

it('cancelled in the middle, stops within two seconds and accounts for every device', async () => {
  await populate(desk.services, { name: 'many', customers: 2_000 })
  let last = 0
  desk.services.answer.push = async () => {
    last = Date.now()
    await new Promise(done => setTimeout(done, 100))
    return { outcome: 'sent' }
  }
  const id = await desk.started(EVERYONE)
  await until('some pushes', () => desk.services.pushes.length > 100)
  const answer = await desk.post(`/${id}/cancel`, desk.admin)
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toMatchObject({ state: 'cancelled' })
  expect(sumOfOutcomes(answer.json().counts)).toBe(2_000)
  const cancelledAt = Date.now()
  const broadcast = await desk.ended(id)
  expect(last - cancelledAt).toBeLessThan(2_000)
  const { sent, suppressed } = broadcast.counts
  expect(sent).toBe(desk.services.pushes.length)
  expect(suppressed).toBe(2_000 - sent)
  expect(broadcast).toMatchObject({ state: 'cancelled', reasons: { cancelled: suppressed } })
  expect((await desk.post(`/${id}/cancel`, desk.admin)).json()).toEqual(broadcast)
})

it('a fault of ours stops it: nobody else is tried; resumed by an administrator, the others get it and nobody twice', async () => {
  await populate(desk.services, { name: 'stop', customers: 1_500 })
  const fault: PushOutcome = { outcome: 'refused', reason: 'payload', dropToken: false, stop: true }
  const taken: string[] = []
  let broken = true
  desk.services.answer.push = async ({ token }) => {
    await new Promise(done => setTimeout(done, 5))
    if (broken && taken.length >= 200) return fault
    taken.push(token)
    return { outcome: 'sent' }
  }
  const id = await desk.started(EVERYONE)
  await until('the stop', async () => (await desk.shown(id)).state === 'stopped')
  await until('quiet', async () => {
    const tried = desk.services.pushes.length
    await new Promise(done => setTimeout(done, 200))
    return tried === desk.services.pushes.length && taken.length === (await desk.shown(id)).counts.sent
  })
  const stopped = await desk.shown(id)
  expect(stopped).toMatchObject({ state: 'stopped', stopReason: 'payload', finishedAt: null })
  expect(stopped.counts).toMatchObject({ devices: 1_500, refused: 0, pending: 1_500 - taken.length })
  expect(desk.services.pushes.length).toBeLessThan(600)
  expect((await desk.preview(EVERYONE)).devices, 'tokens are kept').toBe(1_500)

  expect(await desk.act('pause', id)).toMatchObject({ status: 409, code: 'conflict' })
  broken = false
  expect(await desk.act('resume', id)).toMatchObject({ status: 200, stopReason: null })
  await until('its end', async () => {
    await sweepDeliveries(desk.services)
    return (await desk.shown(id)).finishedAt
  })
  expect(await desk.shown(id)).toMatchObject({ state: 'done', counts: { devices: 1_500, sent: 1_500 } })
  expect(new Set(taken).size).toBe(1_500)
  expect(taken).toHaveLength(1_500)
})

it('speaks to each in their language, and in French where a text is missing', async () => {
  for (const language of ['fr', 'en', 'wo'] as const) {
    await withDevice(desk.services, (await signedIn(desk.services, { language })).id, language)
  }
  await desk.ended(
    await desk.started(EVERYONE, { content: { ...CONTENT, en: { title: 'Outage', body: 'From 9.' } } }),
  )
  expect(Object.fromEntries(desk.services.pushes.map(push => [push.token, push.title]))).toEqual({
    fr: 'Coupure demain',
    en: 'Outage',
    wo: 'Coupure demain',
  })
})

it('an audience without devices is done at once', async () => {
  await signedIn(desk.services)
  const broadcast = await desk.ended(await desk.started(EVERYONE))
  expect(broadcast).toMatchObject({ state: 'done', customers: 1, counts: { devices: 0, pending: 0 } })
})

it('an agency is who had an active meter there when it started', async () => {
  const people = await populate(desk.services, { name: 'p', customers: 6 })
  const [always, gone, later, elsewhere, twice] = people as [string, string, string, string, string]
  await desk.linked(always, 1)
  await desk.linked(gone, 1, { till: '-1 hour' })
  await desk.linked(later, 1, { since: '1 hour' })
  await desk.linked(elsewhere, 3)
  await desk.linked(twice, 1)
  await desk.linked(twice, 1, { number: '14100000026' })
  const one: WantedAudience = { kind: 'agencies', agencyIds: ['1'] }
  const both: WantedAudience = { kind: 'agencies', agencyIds: ['1', '3', '1'] }
  expect(await desk.preview(one)).toEqual({ customers: 2, devices: 2 })
  expect(await desk.preview(both)).toEqual({ customers: 3, devices: 3 })
  await desk.ended(await desk.started(one, {}, desk.agent))
  expect(tokens().sort()).toEqual(['p-1-1', 'p-5-1'])
  desk.services.pushes.length = 0
  const id = await desk.started(both)
  await desk.ended(id)
  expect((await desk.shown(id)).audience).toEqual({ kind: 'agencies', agencyIds: ['1', '3'] })
  expect(tokens().sort()).toEqual(['p-1-1', 'p-4-1', 'p-5-1'])
})

it('a meter and a list reach their people and nobody else', async () => {
  const people = await populate(desk.services, { name: 'm', customers: 5 })
  await desk.linked(people[0] as string, 1)
  await desk.linked(people[1] as string, 3)
  await desk.linked(people[2] as string, 1, { number: '14100000026' })
  const meter: WantedAudience = { kind: 'meter', number: '141 0000 0018' }
  expect(await desk.preview(meter)).toEqual({ customers: 2, devices: 2 })
  const id = await desk.started(meter)
  await desk.ended(id)
  expect(tokens().sort()).toEqual(['m-1-1', 'm-2-1'])
  expect((await desk.shown(id)).audience).toEqual({ kind: 'meter', number: '14100000018' })
  desk.services.pushes.length = 0
  const ids = [people[3], people[4], people[3]] as string[]
  expect(await desk.preview({ kind: 'customers', ids })).toEqual({ customers: 2, devices: 2 })
  await desk.ended(await desk.started({ kind: 'customers', ids }))
  expect(tokens().sort()).toEqual(['m-4-1', 'm-5-1'])
})

it('who became a customer after it started is not told', async () => {
  await populate(desk.services, { name: 'old', customers: 500 })
  let late = false
  desk.services.answer.push = async () => {
    if (!late) {
      late = true
      await populate(desk.services, { name: 'new', customers: 500 })
    }
    return { outcome: 'sent' }
  }
  const broadcast = await desk.ended(await desk.started(EVERYONE))
  expect(tokens().filter(token => token.startsWith('new'))).toEqual([])
  expect(broadcast.counts).toMatchObject({ devices: 500, sent: 500 })
})

it('an urgent notification does not wait behind a broadcast', async () => {
  await populate(desk.services, { name: 'slow', customers: 1_000 })
  desk.services.answer.push = async ({ notificationId }) => {
    if (notificationId === id) await new Promise(done => setTimeout(done, 200))
    return { outcome: 'sent' }
  }
  let id = ''
  id = await desk.started(EVERYONE)
  await until('the broadcast to fill the channel', () => desk.services.pushes.length >= 45)
  const customer = await signedIn(desk.services)
  await withDevice(desk.services, customer.id, 'urgent-one')
  const at = Date.now()
  await desk.services.db.tx(tx =>
    notify(tx, desk.services, { customerId: customer.id, type: 't', priority: 'urgent', content: CONTENT }),
  )
  await until('the urgent push', () => tokens().includes('urgent-one'))
  expect(Date.now() - at).toBeLessThan(1_000)
  await desk.post(`/${id}/cancel`, desk.admin)
  await desk.ended(id)
})

it('goes on by itself when messages and planner are lost in the middle', async () => {
  await populate(desk.services, { name: 'lost', customers: 3_000 })
  desk.services.answer.push = async () => {
    await new Promise(done => setTimeout(done, 5))
    return { outcome: 'sent' }
  }
  const id = await desk.started(EVERYONE)
  await until('some pushes', () => desk.services.pushes.length > 500)
  // Everything in the broker's memory is gone; what is at work finishes.
  await engine.stop()
  await desk.services.db.query('truncate outbox')
  engine = await startEngine(desk.services)
  await reviveDeliveries(desk.services)
  await until('its end', async () => {
    await sweepDeliveries(desk.services)
    await sweepBroadcasts(desk.services)
    return (await desk.shown(id)).finishedAt
  })
  expect(new Set(tokens()).size).toBe(3_000)
  expect(tokens()).toHaveLength(3_000)
  expect((await desk.shown(id)).counts).toMatchObject({ devices: 3_000, sent: 3_000 })
})
