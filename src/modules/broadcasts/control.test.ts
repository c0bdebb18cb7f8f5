import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { CONTENT, type Desk, EVERYONE, openDesk, sumOfOutcomes } from '../../../test/desk.ts'
import { populate, startEngine } from '../../../test/engine.ts'
import { signedIn, type TestAccount, until, withDevice } from '../../../test/harness.ts'
import { newId } from '../../lib/id.ts'
import { sweepDeliveries } from '../notifications/index.ts'
import { sweepBroadcasts } from './index.ts'
import type { Broadcast } from './schema.ts'

let desk: Desk
let second: TestAccount
beforeAll(async () => {
  desk = await openDesk({ BROADCAST_APPROVAL_ABOVE: '100' })
  second = await signedIn(desk.services, { role: 'admin' })
})
afterAll(() => desk.close())

let engine: Awaited<ReturnType<typeof startEngine>>
beforeEach(async () => {
  await desk.clear()
  engine = await startEngine(desk.services)
})
afterEach(() => engine.stop())

const tokens = () => desk.services.pushes.map(push => push.token)
const inMs = (ms: number) => new Date(desk.services.clock.now() + ms).toISOString()

async function accepted(more: object = {}, by = desk.admin, audience: object = EVERYONE): Promise<Broadcast> {
  const answer = await desk.post('', by, { audience, content: CONTENT, ...more }, newId())
  expect(answer.statusCode).toBe(202)
  return answer.json()
}

const inboxOf = async (who: TestAccount) => {
  const headers = { authorization: who.authorization }
  const { items } = (await desk.app.inject({ url: '/v1/notifications', headers })).json()
  return items as { id: string; title: string; body: string; broadcast: boolean; data?: object }[]
}

/** What the scheduler does, until something is so. */
const withSweeps = <T>(what: string, check: () => Promise<T> | T) =>
  until(what, async () => {
    await sweepBroadcasts(desk.services)
    await sweepDeliveries(desk.services)
    return check()
  })

it('a large one waits for a second administrator, and nobody has it before', async () => {
  await populate(desk.services, { name: 'l', customers: 101 })
  const { id, state } = await accepted()
  expect(state).toBe('awaiting-approval')
  expect((await desk.post('/preview', desk.admin, { audience: EVERYONE })).json()).toMatchObject({
    needsApproval: true,
  })
  await sweepBroadcasts(desk.services)
  expect(await desk.services.db.query('select 1 from broadcast_targets')).toEqual([])

  expect(await desk.act('approve', id)).toMatchObject({ status: 403, code: 'approval_by_author' })
  expect(await desk.act('approve', id, desk.agent)).toMatchObject({ status: 403, code: 'forbidden' })
  expect(await desk.act('pause', id)).toMatchObject({ status: 409, code: 'conflict' })
  expect(await desk.act('resume', id)).toMatchObject({ status: 409, code: 'conflict' })
  expect((await desk.shown(id)).state).toBe('awaiting-approval')

  const race = await Promise.all([1, 2, 3].map(() => desk.act('approve', id, second)))
  expect(race.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(1)
  const broadcast = await desk.ended(id)
  expect(broadcast).toMatchObject({
    state: 'done',
    approvedBy: second.id,
    counts: { devices: 101, sent: 101 },
  })
  expect(tokens()).toHaveLength(101)
  expect(await desk.act('approve', id, second), 'again').toMatchObject({ status: 200, state: 'done' })
  expect(await desk.act('approve', id, await signedIn(desk.services, { role: 'admin' }))).toMatchObject({
    status: 409,
    code: 'conflict',
  })
  const audit = await desk.services.db.query(
    "select actor_id from audit where action = 'broadcast.approve' and object_id = $1",
    [id],
  )
  expect(audit).toEqual([{ actor_id: second.id }])
})

it('an agent’s large one needs an administrator, and agents of another agency do not see it', async () => {
  const people = await populate(desk.services, { name: 'a', customers: 110 })
  for (const person of people) await desk.linked(person, 1)
  const stranger = await signedIn(desk.services, { role: 'agent', agencyId: 2 })
  const { id } = await accepted({}, desk.agent, { kind: 'agencies', agencyIds: ['1'] })
  for (const verb of ['pause', 'resume', 'cancel'] as const) {
    expect(await desk.act(verb, id, stranger)).toMatchObject({ status: 404 })
  }
  expect(
    (
      await desk.app.inject({
        method: 'PATCH',
        url: `/v1/admin/broadcasts/${id}`,
        headers: { authorization: stranger.authorization },
        payload: { ratePerSecond: 5 },
      })
    ).statusCode,
  ).toBe(404)
  expect(await desk.act('approve', id)).toMatchObject({ status: 200 })
  expect((await desk.ended(id)).counts.sent).toBe(110)
})

it('one that nobody approved in time is over, with every device accounted for', async () => {
  await populate(desk.services, { name: 'l', customers: 101 })
  const { id } = await accepted({ expiresIn: 60 })
  desk.services.clock.advance(61_000)
  expect(await desk.act('approve', id, second)).toMatchObject({ status: 409 })
  await sweepBroadcasts(desk.services)
  expect(await desk.shown(id)).toMatchObject({
    state: 'stopped',
    stopReason: 'expired',
    counts: { devices: 101, expired: 101, pending: 0 },
    finishedAt: expect.any(String),
  })
  expect(await desk.act('resume', id)).toMatchObject({ status: 409 })
})

it('a scheduled one starts once when it is due, whoever looks, with those who are there by then', async () => {
  await populate(desk.services, { name: 'early', customers: 20 })
  const { id, state } = await accepted({ scheduledAt: inMs(3_600_000) })
  expect(state).toBe('scheduled')
  desk.services.clock.advance(3_590_000)
  await sweepBroadcasts(desk.services)
  expect((await desk.shown(id)).startedAt).toBeNull()
  const late = await signedIn(desk.services)
  await withDevice(desk.services, late.id, 'late')
  expect(await inboxOf(late)).toEqual([])
  desk.services.clock.advance(11_000)
  await Promise.all(Array.from({ length: 6 }, () => sweepBroadcasts(desk.services)))
  const broadcast = await desk.ended(id)
  expect(broadcast).toMatchObject({ state: 'done', customers: 21, counts: { devices: 21, sent: 21 } })
  expect(new Set(tokens()).size).toBe(21)
  expect(tokens()).toHaveLength(21)
  expect((await inboxOf(late)).map(item => item.id)).toEqual([id])
})

it('a scheduler that was away starts late what is still worth it, and nothing else', async () => {
  await populate(desk.services, { name: 'x', customers: 5 })
  const worth = await accepted({ scheduledAt: inMs(60_000), expiresIn: 7_200 })
  const over = await accepted({ scheduledAt: inMs(60_000), expiresIn: 600 })
  desk.services.clock.advance(3_600_000)
  await sweepBroadcasts(desk.services)
  expect(await desk.ended(worth.id)).toMatchObject({ state: 'done', counts: { sent: 5 } })
  expect(await desk.ended(over.id)).toMatchObject({
    state: 'stopped',
    startedAt: null,
    counts: { expired: 5 },
  })
  expect(tokens()).toHaveLength(5)
})

it('an approved one waits for its time; a cancelled one never starts', async () => {
  await populate(desk.services, { name: 's', customers: 101 })
  const kept = await accepted({ scheduledAt: inMs(60_000) })
  const gone = await accepted({ scheduledAt: inMs(60_000) })
  for (const { id } of [kept, gone])
    expect(await desk.act('approve', id, second)).toMatchObject({ state: 'scheduled' })
  expect(await desk.act('cancel', gone.id)).toMatchObject({
    state: 'cancelled',
    counts: { devices: 101, suppressed: 101 },
  })
  desk.services.clock.advance(61_000)
  await sweepBroadcasts(desk.services)
  expect((await desk.ended(kept.id)).counts.sent).toBe(101)
  expect(tokens()).toHaveLength(101)
  expect(await desk.act('cancel', kept.id)).toMatchObject({ status: 409 })
})

it('paused in the middle of chunks, nothing is sent after two seconds; resumed, exactly the rest is', async () => {
  desk.services.config = { ...desk.services.config, broadcastApprovalAbove: 10_000 }
  await populate(desk.services, { name: 'p', customers: 1_500 })
  let last = 0
  desk.services.answer.push = async () => {
    last = Date.now()
    await new Promise(done => setTimeout(done, 60))
    return { outcome: 'sent' }
  }
  const { id } = await accepted()
  await until('some pushes', () => desk.services.pushes.length > 100)
  expect(await desk.act('pause', id, desk.agent)).toMatchObject({ status: 404 })
  const paused = await desk.act('pause', id)
  const pausedAt = Date.now()
  expect(paused).toMatchObject({ status: 200, state: 'paused' })
  expect(await desk.act('pause', id), 'again').toMatchObject({ status: 200, state: 'paused' })
  await new Promise(done => setTimeout(done, 2_500))
  expect(last - pausedAt).toBeLessThan(2_000)
  const sent = desk.services.pushes.length
  await sweepDeliveries(desk.services)
  await sweepBroadcasts(desk.services)
  await new Promise(done => setTimeout(done, 300))
  expect(desk.services.pushes, 'nothing brings it back').toHaveLength(sent)
  const shown = await desk.shown(id)
  expect(shown).toMatchObject({ state: 'paused', counts: { sent, pending: 1_500 - sent }, secondsLeft: null })
  expect(sumOfOutcomes(shown.counts)).toBe(1_500)

  desk.services.answer.push = () => ({ outcome: 'sent' })
  expect(await desk.act('resume', id)).toMatchObject({ status: 200 })
  await withSweeps('its end', async () => (await desk.shown(id)).finishedAt)
  expect(new Set(tokens()).size).toBe(1_500)
  expect(tokens()).toHaveLength(1_500)
  expect(await desk.shown(id)).toMatchObject({ state: 'done', counts: { devices: 1_500, sent: 1_500 } })
  expect(await desk.act('pause', id)).toMatchObject({ status: 409 })
  desk.services.config = { ...desk.services.config, broadcastApprovalAbove: 100 }
}, 30_000)

it('a paused one that is cancelled accounts for the rest as cancelled', async () => {
  await populate(desk.services, { name: 'c', customers: 100 })
  desk.services.answer.push = async () => {
    await new Promise(done => setTimeout(done, 400))
    return { outcome: 'sent' }
  }
  const { id } = await accepted()
  await until('some pushes', () => desk.services.pushes.length > 10)
  await desk.act('pause', id)
  await until(
    'what is under way',
    async () => (await desk.shown(id)).counts.sent === desk.services.pushes.length,
  )
  const sent = desk.services.pushes.length
  expect(await desk.act('cancel', id)).toMatchObject({
    state: 'cancelled',
    counts: { sent, suppressed: 100 - sent, pending: 0 },
  })
})

it('a test goes to a few, marked, filled in, in sight of the caller alone, and not without end', async () => {
  const awa = await signedIn(desk.services, { firstName: 'Awa {{lastName}}' })
  const other = await signedIn(desk.services)
  await withDevice(desk.services, awa.id, 'awa')
  await desk.linked(awa.id, 1)
  const content = { fr: { title: 'Bonjour {{firstName}}', body: 'Un essai.' } }
  const body = { to: [awa.phone, awa.id], content }
  expect((await desk.post('/test', desk.agent, body)).json()).toMatchObject({
    code: 'idempotency_key_required',
  })
  expect((await desk.post('/test', desk.agent, { ...body, to: [other.id] }, newId())).statusCode).toBe(404)
  expect((await desk.post('/test', desk.agent, { ...body, to: ['somebody'] }, newId())).statusCode).toBe(422)
  const answer = await desk.post('/test', desk.agent, { ...body, to: [awa.phone] }, 'a-test')
  expect(answer.statusCode).toBe(202)
  expect((await desk.post('/test', desk.agent, { ...body, to: [awa.phone] }, 'a-test')).json()).toEqual(
    answer.json(),
  )
  await until('the push', () => tokens().includes('awa'))
  expect(desk.services.pushes[0]).toMatchObject({
    title: '[Test] Bonjour Awa {{lastName}}',
    data: { test: 'true' },
  })
  expect(await inboxOf(awa)).toMatchObject([
    { id: answer.json().ids[0], broadcast: false, data: { test: 'true' } },
  ])
  expect(await inboxOf(other)).toEqual([])
  const long = { fr: { title: '{{firstName}}'.repeat(7), body: '{{firstName}}'.repeat(76) } }
  expect((await desk.post('/test', desk.admin, { to: [awa.id], content: long }, newId())).statusCode).toBe(
    202,
  )
  const codes = new Set<number>()
  for (let i = 0; i < 25; i++)
    codes.add((await desk.post('/test', desk.agent, { ...body, to: [awa.id] }, newId())).statusCode)
  expect([...codes].sort()).toEqual([202, 429])
  const audit = await desk.services.db.query(
    "select distinct customer_id from audit where action = 'broadcast.test'",
  )
  expect(audit).toEqual([{ customer_id: awa.id }])
})
