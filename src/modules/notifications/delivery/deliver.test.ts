import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { populate } from '../../../../test/engine.ts'
import { signedIn, type TestServices, testServices, until, withDevice } from '../../../../test/harness.ts'
import type { PushMessage, PushOutcome } from '../../../channels/types.ts'
import { Problem } from '../../../lib/problems.ts'
import { notify } from '../notify.ts'
import { openEngine } from './deliver.ts'
import { reviveDeliveries, sweepDeliveries } from './sweep.ts'

let services: TestServices
let deliver: (id: string, signal?: AbortSignal) => Promise<void>

const never = new AbortController().signal
const engine = () => {
  const work = openEngine(services, () => 0)
  return (id: string, signal = never) => work(id, signal)
}

beforeAll(async () => {
  services = await testServices()
})
afterAll(() => services.close())
beforeEach(async () => {
  await services.db.query('truncate deliveries, outbox')
  services.pushes.length = 0
  services.answer.push = () => ({ outcome: 'sent' })
  deliver = engine()
})

interface Row {
  id: string
  state: string
  attempt: number
  takes: number
  devices: string[] | null
  unsure: number
  due_at: Date
  retried: number
  reasons: Record<string, number>
  [outcome: string]: unknown
}

const units = () => services.db.query<Row>('select * from deliveries order by attempt, id')
const messages = () =>
  services.db.query<{ id: string; delay_ms: number; queue: string }>(
    `select payload ->> 'deliveryId' id, delay_ms, queue from outbox order by outbox.id`,
  )
const token = async (id: string) =>
  (
    await services.db.query<{ push_token: string | null }>('select push_token from devices where id = $1', [
      id,
    ])
  )[0]?.push_token

/** One customer with a device for each token, and a notification for them; the id of its unit and the devices'. */
async function notified(tokens: string[], expiresInSeconds?: number) {
  const { id: customerId } = await signedIn(services)
  const devices: string[] = []
  for (const name of tokens) devices.push(await withDevice(services, customerId, name))
  const { id } = await services.db.tx(tx =>
    notify(tx, services, {
      customerId,
      type: 'test',
      priority: 'high',
      content: { fr: { title: 'Bonjour', body: 'Un essai' } },
      data: { meterId: 'm1' },
      ...(expiresInSeconds ? { expiresInSeconds } : {}),
    }),
  )
  const [unit] = await services.db.query<{ id: string }>(
    'select id from deliveries where notification_id = $1',
    [id],
  )
  return { notificationId: id, unitId: unit?.id as string, devices, customerId }
}

let names = 0
const fresh = (...kinds: string[]) => kinds.map(kind => `${kind}-${++names}`)

const RETRY: PushOutcome = { outcome: 'retry', reason: 'UNAVAILABLE', afterMs: 0, ambiguous: false }
const AMBIGUOUS: PushOutcome = { outcome: 'retry', reason: 'no answer', afterMs: 0, ambiguous: true }
const byKind: Record<string, PushOutcome> = {
  ok: { outcome: 'sent' },
  gone: { outcome: 'unregistered' },
  foreign: { outcome: 'refused', reason: 'SENDER_ID_MISMATCH', dropToken: true, stop: false },
  odd: { outcome: 'refused', reason: 'odd', dropToken: false, stop: false },
  busy: RETRY,
  mute: AMBIGUOUS,
}
const answerByKind = ({ token }: PushMessage): PushOutcome =>
  byKind[token.split('-')[0] as string] as PushOutcome

it('sends a notification to every device of its customer, under its one id', async () => {
  const tokens = fresh('ok', 'ok')
  const { notificationId, unitId } = await notified(tokens)
  expect(await messages()).toEqual([{ id: unitId, delay_ms: 0, queue: 'high_priority' }])
  await deliver(unitId)
  expect(services.pushes.map(push => push.token).sort()).toEqual(tokens.sort())
  expect(services.pushes[0]).toMatchObject({
    notificationId,
    type: 'test',
    title: 'Bonjour',
    body: 'Un essai',
    priority: 'high',
    data: { meterId: 'm1' },
  })
  expect(services.pushes[0]?.expiresAt).toBeGreaterThan(services.clock.now() + 86_000_000)
  expect(await units()).toMatchObject([{ state: 'done', sent: 2, takes: 1 }])
})

it('records every outcome, drops bad tokens, and carries only what failed into one retry', async () => {
  const tokens = fresh('ok', 'gone', 'foreign', 'odd', 'busy', 'mute')
  const { unitId, devices } = await notified(tokens)
  services.answer.push = answerByKind
  await deliver(unitId)
  const [first, second] = await units()
  expect(first).toMatchObject({
    state: 'done',
    sent: 1,
    unregistered: 1,
    refused: 2,
    ambiguous: 0,
    retried: 2,
  })
  expect(first?.reasons).toEqual({ unregistered: 1, SENDER_ID_MISMATCH: 1, odd: 1 })
  // The ambiguous one first, counted.
  expect(second).toMatchObject({
    state: 'pending',
    attempt: 1,
    devices: [devices[5], devices[4]],
    unsure: 1,
    takes: 0,
  })
  expect(await Promise.all(devices.map(token))).toEqual([
    tokens[0],
    null,
    null,
    tokens[3],
    tokens[4],
    tokens[5],
  ])
  const retry = (await messages()).find(message => message.id === second?.id)
  expect(retry).toMatchObject({ queue: 'high_priority' })
  expect(retry?.delay_ms).toBeGreaterThan(10_000)
  expect(retry?.delay_ms).toBeLessThan(13_000)

  services.pushes.length = 0
  services.answer.push = () => ({ outcome: 'sent' })
  await deliver(second?.id as string)
  expect(services.pushes, 'not before it is due').toEqual([])
  services.clock.advance(10_100)
  await deliver(second?.id as string)
  expect(services.pushes.map(push => push.token).sort()).toEqual([tokens[4], tokens[5]].sort())
  expect((await units())[1]).toMatchObject({ state: 'done', sent: 2 })
})

it('waits longer at each attempt, and at least as long as it is asked to', async () => {
  const { unitId } = await notified(fresh('busy'))
  services.answer.push = () => RETRY
  let id = unitId
  const waits: number[] = []
  for (let attempt = 0; attempt < 5; attempt++) {
    const before = services.clock.now()
    await deliver(id)
    const next = (await units()).find(unit => unit.state === 'pending') as Row
    waits.push(Math.round((next.due_at.getTime() - before) / 1_000))
    services.clock.advance(next.due_at.getTime() - services.clock.now())
    id = next.id
  }
  expect(waits).toEqual([10, 60, 300, 1_800, 1_800])

  const other = await notified(fresh('busy'))
  services.answer.push = () => ({ ...RETRY, afterMs: 20_000 }) as PushOutcome
  const before = services.clock.now()
  await deliver(other.unitId)
  const next = (await units()).find(
    unit => unit.state === 'pending' && unit.notification_id === other.notificationId,
  )
  expect(Math.round(((next?.due_at.getTime() ?? 0) - before) / 1_000)).toBe(60)
})

it('a token that changed meanwhile is not dropped, and the retry goes to the new one', async () => {
  const [gone, busy] = fresh('gone', 'busy') as [string, string]
  const { unitId, devices } = await notified([gone, busy])
  services.answer.push = async message => {
    await services.db.query("update devices set push_token = push_token || '-new' where push_token = $1", [
      message.token,
    ])
    return answerByKind(message)
  }
  await deliver(unitId)
  expect(await token(devices[0] as string)).toBe(`${gone}-new`)
  services.answer.push = () => ({ outcome: 'sent' })
  services.clock.advance(11_000)
  await deliver((await units())[1]?.id as string)
  expect(services.pushes.at(-1)?.token).toBe(`${busy}-new`)
})

it('a device that can be reached no more when its retry comes is accounted for', async () => {
  const { unitId, devices } = await notified(fresh('busy', 'busy'))
  services.answer.push = () => RETRY
  await deliver(unitId)
  await services.db.query('update devices set push_token = null where id = $1', [devices[0]])
  services.answer.push = () => ({ outcome: 'sent' })
  services.clock.advance(11_000)
  await deliver((await units())[1]?.id as string)
  expect((await units())[1]).toMatchObject({ sent: 1, unregistered: 1, reasons: { 'token gone': 1 } })
})

it('does a unit once, however often its message comes, and never with two workers at a time', async () => {
  const { unitId } = await notified(fresh('ok'))
  await Promise.all([deliver(unitId), deliver(unitId), engine()(unitId)])
  await deliver(unitId)
  expect(services.pushes).toHaveLength(1)
  expect(await units()).toMatchObject([{ state: 'done', takes: 1, sent: 1 }])
})

it('what a dead worker held is published again when its lease runs out, and its late word changes nothing', async () => {
  const { unitId } = await notified(fresh('ok', 'ok'))
  const answers: (() => void)[] = []
  services.answer.push = () => new Promise(done => answers.push(() => done({ outcome: 'unregistered' })))
  const dead = deliver(unitId)
  await until('the send', () => services.pushes.length === 2)
  await services.db.query('truncate outbox')
  services.clock.advance(20_000)
  expect(await sweepDeliveries(services), 'the lease still holds').toBe(0)
  services.clock.advance(11_000)
  expect(await sweepDeliveries(services)).toBe(1)
  expect(await messages()).toEqual([{ id: unitId, delay_ms: 0, queue: 'high_priority' }])
  services.answer.push = () => ({ outcome: 'sent' })
  await engine()(unitId)
  for (const answer of answers) answer()
  await dead
  expect(await units()).toMatchObject([{ state: 'done', sent: 2, unregistered: 0, takes: 2 }])
})

it('takes what a process wrote whose clock is a little ahead', async () => {
  services.clock.advance(300)
  const { unitId } = await notified(fresh('ok'))
  services.clock.advance(-300)
  await deliver(unitId)
  expect(await units()).toMatchObject([{ state: 'done', sent: 1 }])
})

it('a worker that stood still for longer than its lease sends nothing more of the unit that another took', async () => {
  const { unitId } = await notified(Array.from({ length: 60 }, (_, i) => `ok-still-${i}`))
  const answers: (() => void)[] = []
  services.answer.push = () => new Promise(done => answers.push(() => done({ outcome: 'sent' })))
  const halted = deliver(unitId)
  await until('as many as go at once', () => services.pushes.length === 50)
  services.clock.advance(31_000)
  services.answer.push = () => ({ outcome: 'sent' })
  await engine()(unitId)
  expect(services.pushes).toHaveLength(50 + 60)
  for (const answer of answers) answer()
  await halted
  expect(services.pushes).toHaveLength(50 + 60)
  expect(await units()).toMatchObject([{ state: 'done', sent: 60, takes: 2 }])
})

it('a message that was lost is published again, less and less often while the unit waits', async () => {
  await notified(fresh('ok'))
  const published: number[] = []
  for (let second = 0; second < 300; second++) {
    if ((await sweepDeliveries(services)) > 0) published.push(second)
    services.clock.advance(1_000)
  }
  expect(published.length).toBeLessThanOrEqual(5)
  expect(published[0]).toBeGreaterThanOrEqual(15)
  expect(published[0]).toBeLessThanOrEqual(16)
})

it('a broker that died with its process loses nothing and holds nothing up', async () => {
  const { unitId } = await notified(fresh('ok'))
  services.answer.push = () => new Promise(() => undefined)
  void deliver(unitId)
  await until('the send', () => services.pushes.length === 1)
  await reviveDeliveries(services)
  expect(await sweepDeliveries(services)).toBe(1)
  services.answer.push = () => ({ outcome: 'sent' })
  await engine()(unitId)
  expect(await units()).toMatchObject([{ state: 'done', sent: 1 }])
})

it('a unit that kills its workers is put aside after six of them', async () => {
  const { unitId } = await notified(fresh('ok'))
  services.answer.push = () => new Promise(() => undefined)
  for (let worker = 1; worker <= 8; worker++) {
    void engine()(unitId)
    if (worker <= 6) await until('the send', () => services.pushes.length === worker)
    else await until('parking', async () => (await units())[0]?.state === 'parked')
    services.clock.advance(31_000)
    await sweepDeliveries(services)
  }
  expect(services.pushes).toHaveLength(6)
  expect(await units()).toMatchObject([{ state: 'parked', takes: 7, reasons: { 'taken too often': 1 } }])
})

it('is not sent after its time, and what failed is not tried beyond it', async () => {
  const late = await notified(fresh('ok'), 60)
  services.clock.advance(61_000)
  await deliver(late.unitId)
  expect(services.pushes).toEqual([])
  expect(await units()).toMatchObject([{ state: 'done', expired: 1, reasons: { expired: 1 } }])

  await services.db.query('truncate deliveries')
  const short = await notified(fresh('busy', 'mute', 'ok'), 5)
  services.answer.push = answerByKind
  await deliver(short.unitId)
  expect(await units()).toMatchObject([
    { sent: 1, expired: 1, ambiguous: 1, retried: 0, reasons: { UNAVAILABLE: 1, 'no answer': 1 } },
  ])
})

it('a retry that comes too late keeps apart what may have arrived', async () => {
  const { unitId } = await notified(fresh('busy', 'mute', 'mute'), 60)
  services.answer.push = answerByKind
  await deliver(unitId)
  services.clock.advance(61_000)
  await deliver((await units())[1]?.id as string)
  expect((await units())[1]).toMatchObject({ state: 'done', expired: 1, ambiguous: 2, sent: 0 })
})

it('a notification that its customer deleted is not pushed any more', async () => {
  const { unitId, notificationId } = await notified(fresh('ok'))
  await services.db.query('update notifications set deleted_at = now() where id = $1', [notificationId])
  await deliver(unitId)
  expect(services.pushes).toEqual([])
  expect(await units()).toMatchObject([{ suppressed: 1, reasons: { deleted: 1 } }])
})

it('what was to say something that is no more is done, and says nothing', async () => {
  const { notificationId, unitId } = await notified(fresh('ok'))
  await services.db.query('delete from notifications where id = $1', [notificationId])
  await deliver(unitId)
  expect(services.pushes).toEqual([])
  expect(await units()).toMatchObject([{ state: 'done', sent: 0 }])
})

it('a disabled account is not disturbed', async () => {
  const { unitId, customerId } = await notified(fresh('ok'))
  await services.db.query('update accounts set disabled_at = now() where id = $1', [customerId])
  await deliver(unitId)
  expect(await units()).toMatchObject([{ suppressed: 1, reasons: { 'account disabled': 1 } }])
})

it('a worker that must stop records what it sent and leaves the rest for later', async () => {
  const [customerId] = await populate(services, { name: 'many', customers: 1, devices: [200] })
  const { id } = await services.db.tx(tx =>
    notify(tx, services, {
      customerId: customerId as string,
      type: 'test',
      priority: 'normal',
      content: { fr: { title: 'a', body: 'b' } },
    }),
  )
  const stop = new AbortController()
  services.answer.push = () => {
    if (services.pushes.length === 120) stop.abort()
    return { outcome: 'sent' }
  }
  const [unit] = await units()
  await deliver(unit?.id as string, stop.signal)
  const [first, second] = await units()
  const sent = first?.sent as number
  expect(first).toMatchObject({ notification_id: id, state: 'done', retried: 200 - sent })
  expect(sent).toBe(services.pushes.length)
  expect(second).toMatchObject({ state: 'pending', size: 200 - sent })
})

it('an outcome is recorded when the database comes back, not sent again', async () => {
  const { unitId } = await notified(fresh('ok'))
  const { db } = services
  let away = 2
  const flaky = {
    ...services,
    db: {
      ...db,
      query: (async (text: string, values?: readonly unknown[]) => {
        if (/set state = 'done'/.test(text) && away-- > 0) {
          throw new Problem('unavailable')
        }
        return db.query(text, values)
      }) as typeof db.query,
    },
  }
  await openEngine(flaky)(unitId, never)
  expect(services.pushes).toHaveLength(1)
  expect(await units()).toMatchObject([{ state: 'done', sent: 1, takes: 1 }])
})
