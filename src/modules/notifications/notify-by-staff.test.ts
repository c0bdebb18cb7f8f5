import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  signedIn,
  type TestAccount,
  type TestServices,
  testApp,
  testServices,
} from '../../../test/harness.ts'
import type { App } from '../../http/index.ts'
import { newId } from '../../lib/id.ts'
import { notificationsRoutes } from './index.ts'

let services: TestServices
let app: App
let admin: TestAccount
let agent: TestAccount
beforeAll(async () => {
  services = await testServices()
  app = await testApp(services, app => notificationsRoutes(app, services))
  admin = await signedIn(services, { role: 'admin' })
  agent = await signedIn(services, { role: 'agent', agencyId: 1 })
  await signedIn(services, { role: 'agent', agencyId: 2 })
})
afterAll(async () => {
  await app.close()
  await services.close()
})

const content = { fr: { title: 'Votre demande', body: 'Elle est traitée.' } }

async function send(who: TestAccount, payload: object, key: string | null = newId()) {
  const response = await app.inject({
    method: 'POST',
    url: '/v1/admin/notifications',
    headers: { authorization: who.authorization, ...(key === null ? {} : { 'idempotency-key': key }) },
    payload,
  })
  return { status: response.statusCode, body: response.json() as { id: string; ids: string[]; code: string } }
}

async function linked(
  customerId: string,
  agencyId: number,
  number: string,
  status = 'active',
  kind = 'prepaid',
): Promise<void> {
  await services.db.query(
    `with meter as (
       insert into meters (id, kind, number, agency_id) values ($1, $2, $3, $4)
       on conflict (kind, number, poc) do update set number = excluded.number returning id
     )
     insert into meter_links (id, customer_id, meter_id, agency_id, role, status, activated_at)
     select $5, $6, id, $4, 'guest', $7, case when $7 = 'active' then now() end from meter`,
    [newId(), kind, number, agencyId, newId(), customerId, status],
  )
}

const inboxOf = (customerId: string) =>
  services.db.query<{ id: string }>('select id from notifications where customer_id = $1 order by id', [
    customerId,
  ])

it('an administrator tells any customer; it is in their inbox and in the audit', async () => {
  const customer = await signedIn(services)
  const { status, body } = await send(admin, {
    customerId: customer.id,
    content,
    priority: 'high',
    type: 'ticket',
  })
  expect(status).toBe(202)
  expect(body).toEqual({ id: body.id, ids: [body.id] })
  expect(await inboxOf(customer.id)).toEqual([{ id: body.id }])
  const audit = await services.db.query(
    'select action, actor_id, object_id, detail from audit where customer_id = $1',
    [customer.id],
  )
  expect(audit).toEqual([
    {
      action: 'notification.create',
      actor_id: admin.id,
      object_id: body.id,
      detail: { type: 'ticket', priority: 'high' },
    },
  ])
})

it('a meter means each customer actively linked to it, however its number is written', async () => {
  const [first, second, waiting] = [
    await signedIn(services),
    await signedIn(services),
    await signedIn(services),
  ]
  await linked(first.id, 1, '14100000018')
  await linked(second.id, 1, '14100000018')
  await linked(waiting.id, 1, '14100000018', 'pending')
  const { status, body } = await send(agent, { meterNumber: '141 0000 0018', content })
  expect(status).toBe(202)
  expect(body.ids).toHaveLength(2)
  expect(body.id).toBe(body.ids[0])
  expect((await inboxOf(first.id)).length + (await inboxOf(second.id)).length).toBe(2)
  expect(await inboxOf(waiting.id)).toEqual([])

  await linked(first.id, 1, '1000000001', 'active', 'postpaid')
  expect((await send(admin, { meterNumber: '001000000001', content })).body.ids).toHaveLength(1)
})

it('an agent reaches the customers and meters of their agency alone, others do not exist for them', async () => {
  const [ours, theirs, former] = [
    await signedIn(services),
    await signedIn(services),
    await signedIn(services),
  ]
  await linked(ours.id, 1, '14100000117')
  await linked(theirs.id, 2, '14100000216')
  await linked(former.id, 1, '14100000315', 'rejected')
  expect((await send(agent, { customerId: ours.id, content })).status).toBe(202)
  for (const recipient of [
    { customerId: theirs.id },
    { customerId: former.id },
    { meterNumber: '14100000216' },
    { meterNumber: '14100000315' },
  ]) {
    expect((await send(agent, { ...recipient, content })).status).toBe(404)
  }
  expect(await inboxOf(theirs.id)).toEqual([])
  expect((await send(admin, { customerId: theirs.id, content })).status).toBe(202)
})

it('needs an idempotency key: the same key and body tell once, another body is refused', async () => {
  const customer = await signedIn(services)
  const body = { customerId: customer.id, content }
  expect(await send(admin, body, null)).toMatchObject({
    status: 422,
    body: { code: 'idempotency_key_required' },
  })
  const first = await send(admin, body, 'k1')
  const again = await send(admin, body, 'k1')
  expect(again).toEqual(first)
  expect(await inboxOf(customer.id)).toHaveLength(1)
  expect(await send(admin, { ...body, priority: 'low' }, 'k1')).toMatchObject({
    status: 422,
    body: { code: 'idempotency_key_reused' },
  })
  const both = await Promise.all([send(admin, body, 'k2'), send(admin, body, 'k2')])
  expect(both.map(({ status }) => status).sort()).toSatisfy(
    (statuses: number[]) => `${statuses}` === '202,202' || `${statuses}` === '202,409',
  )
  expect(await inboxOf(customer.id)).toHaveLength(2)
  expect((await send(agent, body, 'k1')).status).toBe(404)
})

it('refuses what is not a message to somebody', async () => {
  const { id: customerId } = await signedIn(services)
  for (const body of [
    { content },
    { customerId, meterNumber: '14100000018', content },
    { customerId },
    { customerId, content: { en: content.fr } },
    { customerId, content: { fr: { title: '  ', body: 'x' } } },
    { customerId, content: { fr: { title: 'x'.repeat(101), body: 'x' } } },
    { customerId, content, priority: 'now' },
    { customerId, content, expiresIn: 1 },
    { customerId, content, surprise: true },
    { customerId: 'nobody', content },
  ]) {
    expect(await send(admin, body)).toMatchObject({ status: 422, body: { code: 'invalid' } })
  }
  expect(await inboxOf(customerId)).toEqual([])
})

it('customers may not', async () => {
  const customer = await signedIn(services)
  expect((await send(customer, { customerId: customer.id, content })).status).toBe(403)
})
