import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { CONTENT, type Desk, EVERYONE, openDesk } from '../../../test/desk.ts'
import { populate } from '../../../test/engine.ts'
import { signedIn } from '../../../test/harness.ts'
import { newId } from '../../lib/id.ts'
import type { Broadcast, WantedAudience } from './schema.ts'

let desk: Desk
beforeAll(async () => {
  desk = await openDesk()
})
afterAll(() => desk.close())
beforeEach(() => desk.clear())

const audits = (action: string) =>
  desk.services.db.query<{ object_id: string; detail: Record<string, unknown> }>(
    'select actor_id, object_id, detail from audit where action = $1 order by at desc, id desc',
    [action],
  )

it('needs an idempotency key, and sends once for each', async () => {
  await populate(desk.services, { name: 'once', customers: 3 })
  const body = { audience: EVERYONE, content: CONTENT }
  expect((await desk.post('', desk.admin, body)).json()).toMatchObject({
    status: 422,
    code: 'idempotency_key_required',
  })
  const first = await desk.post('', desk.admin, body, 'key-1')
  const again = await desk.post('', desk.admin, body, 'key-1')
  expect(again.statusCode).toBe(202)
  expect(again.json()).toEqual(first.json())
  const other = await desk.post('', desk.admin, { ...body, priority: 'urgent' }, 'key-1')
  expect(other.json()).toMatchObject({ status: 422, code: 'idempotency_key_reused' })
  expect((await desk.get('')).json().items).toHaveLength(1)
  const race = await Promise.all([1, 2, 3].map(() => desk.post('', desk.admin, body, 'key-2')))
  expect(race.filter(answer => answer.statusCode === 202).length).toBeGreaterThanOrEqual(1)
  for (const answer of race) expect([202, 409]).toContain(answer.statusCode)
  expect((await desk.get('')).json().items).toHaveLength(2)
})

it('an agent reaches their agency, its meters and its customers, and sees no other broadcast', async () => {
  const [mine, other] = (await populate(desk.services, { name: 'scope', customers: 2 })) as [string, string]
  await desk.linked(mine, 1)
  await desk.linked(other, 2, { number: '14100000026' })
  const status = async (audience: WantedAudience) => [
    (await desk.post('/preview', desk.agent, { audience })).statusCode,
    (await desk.post('', desk.agent, { audience, content: CONTENT }, newId())).statusCode,
  ]
  expect(await status(EVERYONE)).toEqual([403, 403])
  expect(await status({ kind: 'agencies', agencyIds: ['2'] })).toEqual([404, 404])
  expect(await status({ kind: 'agencies', agencyIds: ['1', '2'] })).toEqual([404, 404])
  expect(await status({ kind: 'meter', number: '14100000026' })).toEqual([404, 404])
  expect(await status({ kind: 'customers', ids: [other] })).toEqual([404, 404])
  expect(await status({ kind: 'customers', ids: [mine, other] })).toEqual([404, 404])
  expect((await desk.get('', desk.agent)).json().items).toEqual([])

  const theirs = await desk.started(EVERYONE)
  expect((await desk.get(`/${theirs}`, desk.agent)).statusCode).toBe(404)
  expect((await desk.post(`/${theirs}/cancel`, desk.agent)).statusCode).toBe(404)
  expect(await status({ kind: 'agencies', agencyIds: ['1'] })).toEqual([200, 202])
  expect(await status({ kind: 'meter', number: '14100000018' })).toEqual([200, 202])
  expect(await status({ kind: 'customers', ids: [mine] })).toEqual([200, 202])
  expect((await desk.get('', desk.agent)).json().items).toHaveLength(3)
  expect((await desk.get('')).json().items).toHaveLength(4)
})

it('what does not exist is not found, and what cannot be done is refused rather than ignored', async () => {
  const unknown = [
    { kind: 'agencies', agencyIds: ['999'] },
    { kind: 'meter', number: '99999999999' },
    { kind: 'customers', ids: [newId()] },
    { kind: 'customers', ids: [desk.admin.id] },
  ]
  for (const audience of unknown) {
    expect((await desk.post('/preview', desk.admin, { audience })).statusCode).toBe(404)
    expect((await desk.post('', desk.admin, { audience, content: CONTENT }, newId())).statusCode).toBe(404)
  }
  const bad = [
    { audience: { kind: 'nobody' }, content: CONTENT },
    { audience: { kind: 'customers', ids: [] }, content: CONTENT },
    { audience: { ...EVERYONE, ids: [newId()] }, content: CONTENT },
    { audience: EVERYONE, content: { en: CONTENT.fr } },
    { audience: EVERYONE, content: { fr: { title: 'x'.repeat(101), body: 'x' } } },
    { audience: EVERYONE, content: { fr: { title: 'x', body: 'x'.repeat(1_001) } } },
    { audience: EVERYONE, content: CONTENT, scheduledAt: '2020-01-01T00:00:00Z' },
    { audience: EVERYONE, content: CONTENT, scheduledAt: '2999-01-01T00:00:00Z' },
    { audience: EVERYONE, content: CONTENT, scheduledAt: 'tomorrow' },
    { audience: EVERYONE, content: CONTENT, ratePerSecond: 0 },
    { audience: EVERYONE, content: { fr: { title: 'Bonjour {{pin}}', body: 'x' } } },
    { audience: EVERYONE, content: { ...CONTENT, wo: { title: 'x', body: 'open {{ only' } } },
    { audience: EVERYONE, content: CONTENT, expiresIn: 0 },
  ]
  for (const body of bad) expect((await desk.post('', desk.admin, body, newId())).statusCode).toBe(422)
  expect((await desk.get(`/${newId()}`)).statusCode).toBe(404)
  expect((await desk.post(`/${newId()}/cancel`, desk.admin)).statusCode).toBe(404)
  expect((await desk.get('?cursor=nonsense')).statusCode).toBe(422)
})

it('customers and strangers get nothing', async () => {
  const customer = await signedIn(desk.services)
  for (const [method, url] of [
    ['POST', '/preview'],
    ['POST', ''],
    ['GET', ''],
    ['GET', `/${newId()}`],
    ['POST', `/${newId()}/cancel`],
  ] as const) {
    const payload = method === 'POST' ? { payload: { audience: EVERYONE, content: CONTENT } } : {}
    const call = (headers: object) =>
      desk.app.inject({ method, url: `/v1/admin/broadcasts${url}`, headers: { ...headers }, ...payload })
    expect((await call({})).statusCode).toBe(401)
    expect([403, 422]).toContain((await call({ authorization: customer.authorization })).statusCode)
  }
})

it('every act of staff leaves its audit row', async () => {
  await populate(desk.services, { name: 'audit', customers: 2 })
  await desk.preview(EVERYONE)
  const id = await desk.started(EVERYONE)
  await desk.post(`/${id}/cancel`, desk.admin)
  expect((await audits('broadcast.preview'))[0]).toMatchObject({
    actor_id: desk.admin.id,
    detail: { devices: 2 },
  })
  expect((await audits('broadcast.create'))[0]).toMatchObject({
    actor_id: desk.admin.id,
    object_id: id,
    detail: { audience: EVERYONE, customers: 2, devices: 2 },
  })
  expect((await audits('broadcast.cancel'))[0]).toMatchObject({ actor_id: desk.admin.id, object_id: id })
})

it('cancelled before anything was planned, it is over at once and its devices are suppressed', async () => {
  await populate(desk.services, { name: 'early', customers: 120 })
  const id = await desk.started(EVERYONE)
  const answer = (await desk.post(`/${id}/cancel`, desk.admin)).json() as Broadcast
  expect(answer).toMatchObject({
    state: 'cancelled',
    counts: { devices: 120, suppressed: 120, pending: 0 },
  })
  expect(answer.finishedAt).not.toBeNull()
})

it('lists newest first, each once, page by page', async () => {
  const ids: string[] = []
  for (let n = 0; n < 7; n++) ids.unshift(await desk.started(EVERYONE))
  const seen: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const answer = await desk.get(`?limit=3${cursor ? `&cursor=${cursor}` : ''}`)
    const page = answer.json() as { items: Broadcast[]; nextCursor: string | null }
    seen.push(...page.items.map(item => item.id))
    cursor = page.nextCursor
  }
  expect(seen).toEqual(ids)
})
