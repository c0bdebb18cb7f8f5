import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { populate } from '../../../../test/engine.ts'
import { signedIn, type TestServices, testServices } from '../../../../test/harness.ts'
import { newId } from '../../../lib/id.ts'
import { expireParked, settleBroadcast } from './broadcast.ts'
import { progressOf } from './broadcast-sql.ts'
import { openEngine } from './deliver.ts'
import { planBroadcast } from './plan.ts'

let services: TestServices
let staffId: string
let down: boolean
const never = new AbortController().signal

beforeAll(async () => {
  services = await testServices({ env: { PUSH_CHUNK: '100' } })
  services.push = { ...services.push, state: () => (down ? 'down' : 'ok') }
  staffId = (await signedIn(services, { role: 'admin' })).id
  await populate(services, { name: 'o', customers: 1_000 })
})
afterAll(() => services.close())
beforeEach(async () => {
  await services.db.query('truncate deliveries, broadcasts, outbox cascade')
  services.pushes.length = 0
  services.answer.push = () => ({ outcome: 'sent' })
  down = false
})

async function broadcast(expires = '1 day'): Promise<string> {
  const id = newId()
  await services.db.query(
    `insert into broadcasts (id, state, audience, content, priority, expires_at, created_by, started_at, customers, devices)
     values ($1, 'running', '{"kind":"everyone"}', '{"fr":{"title":"a","body":"b"}}', 'normal', $3::timestamptz + $4::interval, $2, now(), 1000, 1000)`,
    [id, staffId, new Date(services.clock.now()), expires],
  )
  await planBroadcast(services, id)
  return id
}

/** Every unit that is due, as a worker would. */
async function workOnce(work: ReturnType<typeof openEngine>): Promise<number> {
  const due = await services.db.query<{ id: string }>(
    "select id from deliveries where state = 'pending' and due_at <= $1",
    [new Date(services.clock.now())],
  )
  for (const { id } of due) await work(id, never)
  return due.length
}

const counts = async (id: string) =>
  (await progressOf(services.db, [id], services.clock.now())).get(id)?.counts

it('while the channel is down, hardly anything is tried, nothing is lost, and all goes out when it is back', async () => {
  const work = openEngine(services, () => 0)
  const id = await broadcast()
  down = true
  services.answer.push = () => ({ outcome: 'retry', reason: 'unreached', afterMs: 0, ambiguous: false })
  for (let second = 0; second < 60; second += 5) {
    await workOnce(work)
    services.clock.advance(5_000)
  }
  expect(services.pushes.length).toBeLessThanOrEqual(13)
  expect(await counts(id)).toMatchObject({ devices: 1_000, sent: 0, pending: 1_000 })
  const parked = await services.db.query("select 1 from deliveries where state = 'parked'")
  expect(parked).toEqual([])

  down = false
  services.answer.push = () => ({ outcome: 'sent' })
  const until = services.clock.now() + 400_000
  while ((await counts(id))?.pending && services.clock.now() < until) {
    await workOnce(work)
    services.clock.advance(5_000)
  }
  expect(await counts(id)).toMatchObject({ devices: 1_000, sent: 1_000, pending: 0 })
  const reached = services.pushes.slice(-1_000).map(push => push.token)
  expect(new Set(reached).size).toBe(1_000)
})

it('asked to slow down, leaves everybody alone for as long, single notifications excepted', async () => {
  const work = openEngine(services, () => 0)
  const id = await broadcast()
  services.answer.push = () =>
    services.pushes.length > 150
      ? { outcome: 'retry', reason: 'QUOTA_EXCEEDED', afterMs: 60_000, ambiguous: false, slowDown: true }
      : { outcome: 'sent' }
  await workOnce(work)
  const tried = services.pushes.length
  expect(tried).toBeLessThan(150 + 60)
  services.clock.advance(30_000)
  await workOnce(work)
  expect(services.pushes).toHaveLength(tried)
  expect(await counts(id)).toMatchObject({ sent: 150, pending: 850 })
  services.answer.push = () => ({ outcome: 'sent' })
  for (let minute = 0; minute < 4; minute++) {
    services.clock.advance(60_000)
    await workOnce(work)
  }
  expect(await counts(id)).toMatchObject({ devices: 1_000, sent: 1_000, pending: 0 })
})

it('a chunk put back is the same chunk: it is not counted against it, and no other takes its place', async () => {
  const work = openEngine(services, () => 0)
  await broadcast()
  down = true
  services.answer.push = () => ({ outcome: 'retry', reason: 'unreached', afterMs: 0, ambiguous: true })
  for (let round = 0; round < 10; round++) {
    await workOnce(work)
    services.clock.advance(11_000)
  }
  const takes = await services.db.query<{ takes: number }>(
    "select takes from deliveries where state = 'pending' and devices is null",
  )
  for (const row of takes) expect(row.takes).toBe(0)
})

it('what is over before it could be sent is expired, and the broadcast ends', async () => {
  const work = openEngine(services, () => 0)
  const id = await broadcast('1 minute')
  services.clock.advance(61_000)
  await workOnce(work)
  expect(services.pushes).toEqual([])
  const [row] = await services.db.query<{ state: string }>('select state from broadcasts where id = $1', [id])
  expect(row).toMatchObject({ state: 'done' })
  expect(await counts(id)).toMatchObject({ devices: 1_000, expired: 1_000, pending: 0 })
})

it('what was put aside keeps a broadcast open until its time is over, and is then accounted for', async () => {
  const work = openEngine(services, () => 0)
  const id = await broadcast('1 minute')
  await services.db.query(
    `update deliveries set state = 'parked' where id = (select id from deliveries where broadcast_id = $1 limit 1)`,
    [id],
  )
  for (let round = 0; round < 3; round++) await workOnce(work)
  await settleBroadcast(services, id)
  expect(await counts(id)).toMatchObject({ sent: 900, pending: 100 })
  await expireParked(services, id)
  await settleBroadcast(services, id)
  const [row] = await services.db.query<{ state: string }>('select state from broadcasts where id = $1', [id])
  expect(row).toMatchObject({ state: 'done' })
  expect(await counts(id)).toMatchObject({ devices: 1_000, sent: 900, expired: 100, pending: 0 })
})
