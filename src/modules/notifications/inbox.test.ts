import fc from 'fast-check'
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
import { notificationsRoutes, notify, publishBroadcast } from './index.ts'

interface Item {
  id: string
  type: string
  title: string
  body: string
  createdAt: string
  read: boolean
  broadcast: boolean
  data?: Record<string, string>
}
interface Page {
  items: Item[]
  nextCursor: string | null
}

const MINUTE = 60_000
let services: TestServices
let app: App
let admin: TestAccount

beforeAll(async () => {
  services = await testServices()
  app = await testApp(services, app => notificationsRoutes(app, services))
  admin = await signedIn(services, { role: 'admin' })
})
afterAll(async () => {
  await app.close()
  await services.close()
})

async function call<Body = Page>(who: TestAccount, url: string, method: 'GET' | 'POST' | 'DELETE' = 'GET') {
  const response = await app.inject({ method, url, headers: { authorization: who.authorization } })
  return {
    status: response.statusCode,
    type: response.headers['content-type'],
    body: (response.body ? response.json() : null) as Body,
  }
}

const page = async (who: TestAccount, query = '') => (await call(who, `/v1/notifications${query}`)).body
const titles = async (who: TestAccount, query = '') =>
  (await page(who, query)).items.map(({ title }) => title)
const count = async (who: TestAccount) =>
  (await call<{ count: number }>(who, '/v1/notifications/unread-count')).body.count

/** A notification of a chosen time, as if it had been accepted then. */
async function stored(customerId: string, at: number, title: string): Promise<string> {
  const id = newId(at)
  await services.db.query(
    `insert into notifications (id, customer_id, type, priority, title, body, created_at, expires_at)
     values ($1, $2, 'test', 'normal', $3, 'Un texte.', $4, $4::timestamptz + interval '1 day')`,
    [id, customerId, title, new Date(at)],
  )
  await services.cache.bump(`customer:${customerId}`)
  return id
}

async function broadcast(at: number, targets: string[], title: string, others: object = {}): Promise<string> {
  const id = newId(at)
  const content = { fr: { title, body: 'À tous.' }, ...others }
  await services.db.tx(async tx => {
    await tx.query(
      `insert into broadcasts (id, state, audience, content, priority, expires_at, created_by, started_at, customers, devices)
       values ($1, 'running', '{}', $2, 'normal', now(), $3, $4, 0, 0)`,
      [id, JSON.stringify(content), admin.id, new Date(at)],
    )
    await publishBroadcast(tx, services, { broadcastId: id, startedAt: at, targets })
  })
  return id
}

/** Somebody who has been a customer since `since`. */
async function customer(since: number, as: Parameters<typeof signedIn>[1] = {}): Promise<TestAccount> {
  const account = await signedIn(services, as)
  await services.db.query('update accounts set created_at = $2 where id = $1', [account.id, new Date(since)])
  return account
}

async function linked(
  who: TestAccount,
  agencyId: number,
  from: number | null,
  until: number | null = null,
): Promise<string> {
  const meterId = newId()
  await services.db.query(
    'insert into agencies (id, name, match_key) values ($1::integer, $1::text, $1::text) on conflict do nothing',
    [agencyId],
  )
  await services.db.query("insert into meters (id, kind, number, agency_id) values ($1, 'prepaid', $2, $3)", [
    meterId,
    meterId.slice(-12),
    agencyId,
  ])
  await services.db.query(
    `insert into meter_links (id, customer_id, meter_id, agency_id, role, status, activated_at, ended_at)
     values ($1, $2, $3, $4, 'guest', $5, $6, $7)`,
    [
      newId(),
      who.id,
      meterId,
      agencyId,
      from === null ? 'pending' : until === null ? 'active' : 'revoked',
      from === null ? null : new Date(from),
      until === null ? null : new Date(until),
    ],
  )
  return meterId
}

// Each test lives in a time of its own, after all before it: their broadcasts to everyone started before its customers came.
let epoch = Date.parse('2025-01-01T00:00:00Z')
const nextEpoch = () => {
  epoch += 1_000 * MINUTE
  return epoch
}

/** The ids of all pages, one after the other; `between` happens after each. */
async function walk(me: TestAccount, size: number, unread: boolean, between: (n: number) => Promise<void>) {
  const seen: string[] = []
  let cursor = ''
  for (let n = 0; ; n++) {
    const { items, nextCursor } = await page(me, `?limit=${size}&unread=${unread}${cursor}`)
    expect(items.length).toBeLessThanOrEqual(size)
    seen.push(...items.map(({ id }) => id))
    await between(n)
    if (nextCursor === null) return seen
    cursor = `&cursor=${nextCursor}`
  }
}

it('pages put together are exactly the merge of both kinds, newest first, whatever the page size and whatever arrives meanwhile', async () => {
  const event = fc.record({
    // Few minutes, so that many share theirs.
    minute: fc.integer({ min: 1, max: 8 }),
    kind: fc.constantFrom('own', 'own', 'own', 'everyone', 'agency', 'both', 'elsewhere', 'me'),
    read: fc.boolean(),
    gone: fc.boolean(),
  })
  const story = fc.record({
    events: fc.array(event, { minLength: 5, maxLength: 30, size: 'max' }),
    size: fc.integer({ min: 1, max: 7 }),
    unread: fc.boolean(),
    arrivesAfter: fc.integer({ min: 0, max: 4 }),
  })
  const sameInstant = (size: number) => {
    const kinds = ['own', 'everyone'] as const
    const events = Array.from({ length: 16 }, (_, i) => ({
      minute: 1,
      kind: kinds[i % 2] as 'own',
      read: false,
      gone: false,
    }))
    return { events, size, unread: false, arrivesAfter: 1 }
  }
  await fc.assert(
    fc.asyncProperty(story, async ({ events, size, unread, arrivesAfter }) => {
      const start = nextEpoch()
      const me = await customer(start)
      const agency = 3
      await linked(me, agency, start)
      await linked(me, agency, start)
      const targets = {
        everyone: ['everyone'],
        agency: [`agency:${agency}`],
        both: ['everyone', `agency:${agency}`, `customer:${me.id}`],
        elsewhere: ['agency:4', `customer:${admin.id}`],
        me: [`customer:${me.id}`],
      }
      const model: { id: string; at: number; read: boolean }[] = []
      for (const { minute, kind, read, gone } of events) {
        const at = start + minute * MINUTE
        const id =
          kind === 'own' ? await stored(me.id, at, 'own') : await broadcast(at, targets[kind], 'broadcast')
        if (kind === 'elsewhere') continue
        if (read) expect((await call(me, `/v1/notifications/${id}/read`, 'POST')).status).toBe(204)
        if (gone) expect((await call(me, `/v1/notifications/${id}`, 'DELETE')).status).toBe(204)
        else model.push({ id, at, read })
      }
      const expected = model
        .filter(({ read }) => !(unread && read))
        .sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1))
        .map(({ id }) => id)

      let arrived = 0
      const seen = await walk(me, size, unread, async n => {
        if (n !== arrivesAfter) return
        arrived = 1
        const at = start + 100 * MINUTE
        if (n % 2 === 0) await stored(me.id, at, 'meanwhile')
        else await broadcast(at, ['everyone'], 'meanwhile')
      })
      expect(seen).toEqual(expected)
      expect(await count(me)).toBe(model.filter(({ read }) => !read).length + arrived)
    }),
    { numRuns: 50, examples: [[sameInstant(1)], [sameInstant(3)]] },
  )
})

it('an item has exactly the fields of the interface, its data only when there is some', async () => {
  const me = await customer(nextEpoch())
  await services.db.tx(tx =>
    notify(tx, services, {
      customerId: me.id,
      type: 'top-up',
      priority: 'normal',
      content: { fr: { title: 'Recharge "reçue"', body: 'Ligne 1\nLigne 2 ,"data":null}' } },
      data: { meterId: 'm1' },
    }),
  )
  const plain = await services.db.tx(tx =>
    notify(tx, services, {
      customerId: me.id,
      type: 'message',
      priority: 'low',
      content: { fr: { title: 'Bonjour', body: 'Fin ,"data":null}' } },
    }),
  )
  const answer = await call(me, '/v1/notifications')
  expect(answer.type).toBe('application/json; charset=utf-8')
  expect(answer.body.nextCursor).toBeNull()
  const [second, first] = answer.body.items as [Item, Item]
  expect(second).toEqual({
    id: plain.id,
    type: 'message',
    title: 'Bonjour',
    body: 'Fin ,"data":null}',
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    read: false,
    broadcast: false,
  })
  expect(first).toMatchObject({
    title: 'Recharge "reçue"',
    body: 'Ligne 1\nLigne 2 ,"data":null}',
    data: { meterId: 'm1' },
  })
})

it('a broadcast is in the inbox of those who were customers, of that agency or meter, when it started', async () => {
  const start = nextEpoch()
  const at = (minute: number) => start + minute * MINUTE
  const early = await customer(at(0))
  const late = await customer(at(60))
  const moved = await customer(at(0))
  const pending = await customer(at(0))
  await linked(moved, 11, at(10), at(20))
  await linked(moved, 12, at(20))
  await linked(pending, 11, null)
  const meter = await linked(early, 13, at(10))
  await broadcast(at(5), ['agency:11', `meter:${meter}`], 'before any link')
  await broadcast(at(15), ['agency:11'], 'while in 11')
  await broadcast(at(20), ['agency:11'], 'left 11 that instant')
  await broadcast(at(30), ['agency:11', 'agency:12'], '11 or 12')
  await broadcast(at(31), [`meter:${meter}`], 'to the meter')
  await broadcast(at(32), [`customer:${early.id}`, `customer:${late.id}`], 'to two')
  await broadcast(at(40), ['everyone'], 'to all')
  expect(await titles(early)).toEqual(['to all', 'to two', 'to the meter'])
  expect(await titles(moved)).toEqual(['to all', '11 or 12', 'while in 11'])
  expect(await titles(pending)).toEqual(['to all'])
  expect(await titles(late)).toEqual([])
})

it('speaks the language of the customer where the broadcast has it, French otherwise', async () => {
  const start = nextEpoch()
  const english = await customer(start, { language: 'en' })
  const wolof = await customer(start, { language: 'wo' })
  await broadcast(start + 1, ['everyone'], 'Coupure', { en: { title: 'Outage', body: 'Everyone.' } })
  expect(await titles(english)).toEqual(['Outage'])
  expect(await titles(wolof)).toEqual(['Coupure'])
})

it("one person's reading and removing changes nobody else's inbox, for both kinds", async () => {
  const start = nextEpoch()
  const me = await customer(start)
  const other = await customer(start)
  const shared = await broadcast(start + 1, ['everyone'], 'shared')
  const mine = await stored(me.id, start + 2, 'mine')
  const theirs = await stored(other.id, start + 3, 'theirs')
  expect([await count(me), await count(other)]).toEqual([2, 2])

  for (const id of [shared, mine])
    expect((await call(me, `/v1/notifications/${id}/read`, 'POST')).status).toBe(204)
  expect((await page(me)).items.map(({ title, read }) => [title, read])).toEqual([
    ['mine', true],
    ['shared', true],
  ])
  expect((await page(other)).items.map(({ title, read }) => [title, read])).toEqual([
    ['theirs', false],
    ['shared', false],
  ])
  expect([await count(me), await count(other)]).toEqual([0, 2])

  expect((await call(me, `/v1/notifications/${theirs}/read`, 'POST')).status).toBe(404)
  expect((await call(me, `/v1/notifications/${theirs}`, 'DELETE')).status).toBe(404)
  expect(await titles(other, '?unread=true')).toEqual(['theirs', 'shared'])

  expect((await call(me, `/v1/notifications/${shared}`, 'DELETE')).status).toBe(204)
  // A client whose answer was lost asks again.
  expect((await call(me, `/v1/notifications/${shared}`, 'DELETE')).status).toBe(204)
  expect((await call(me, `/v1/notifications/${shared}/read`, 'POST')).status).toBe(404)
  expect(await titles(me)).toEqual(['mine'])
  expect(await titles(other)).toEqual(['theirs', 'shared'])
})

it('a broadcast that was not for the caller cannot be read or removed', async () => {
  const start = nextEpoch()
  const me = await customer(start)
  const elsewhere = await broadcast(start + 1, ['agency:21'], 'elsewhere')
  const before = await broadcast(start - 1, ['everyone'], 'before')
  for (const id of [elsewhere, before, newId()]) {
    expect((await call(me, `/v1/notifications/${id}/read`, 'POST')).status).toBe(404)
    expect((await call(me, `/v1/notifications/${id}`, 'DELETE')).status).toBe(404)
  }
})

it('read-all leaves nothing unread, and what comes after it is unread', async () => {
  const start = nextEpoch()
  const me = await customer(start)
  const other = await customer(start)
  await broadcast(start + 1, ['everyone'], 'first')
  await stored(me.id, start + 2, 'second')
  await broadcast(start + 3, [`customer:${me.id}`], 'third')
  expect((await call(me, '/v1/notifications/read-all', 'POST')).status).toBe(204)
  expect(await count(me)).toBe(0)
  expect(await titles(me, '?unread=true')).toEqual([])
  expect((await page(me)).items.every(({ read }) => read)).toBe(true)
  expect(await count(other)).toBe(1)
  await broadcast(start + 4, ['everyone'], 'fourth')
  await stored(me.id, start + 5, 'fifth')
  expect(await titles(me, '?unread=true')).toEqual(['fifth', 'fourth'])
  expect(await count(me)).toBe(2)
})

it('the count stops at 1,000', async () => {
  const start = nextEpoch()
  const me = await customer(start)
  await services.db.query(
    `insert into notifications (id, customer_id, type, priority, title, body, expires_at)
     select gen_random_uuid(), $1, 'test', 'low', 'x', 'x', now() from generate_series(1, 1200)`,
    [me.id],
  )
  expect(await count(me)).toBe(1_000)
})

it('what is accepted shows at the very next reading, though readings come from memory', async () => {
  const start = nextEpoch()
  const me = await customer(start)
  const reads: string[] = []
  const { db } = services
  const counting: TestServices = {
    ...services,
    db: {
      ...db,
      lines: sql => {
        reads.push(sql)
        return db.lines(sql)
      },
    },
  }
  const counted = await testApp(counting, app => notificationsRoutes(app, counting))
  const read = async () => {
    const answer = await counted.inject({
      url: '/v1/notifications',
      headers: { authorization: me.authorization },
    })
    return (answer.json() as Page).items.map(({ title }) => title)
  }
  expect(await read()).toEqual([])
  expect(await read()).toEqual([])
  expect(reads).toHaveLength(1)
  const content = { fr: { title: 'Nouveau', body: 'Un texte.' } }
  await services.db.tx(tx =>
    notify(tx, services, { customerId: me.id, type: 't', priority: 'normal', content }),
  )
  expect(await read()).toEqual(['Nouveau'])
  expect(await read()).toEqual(['Nouveau'])
  expect(reads).toHaveLength(2)
  await broadcast(services.clock.now(), ['everyone'], 'Tous')
  expect(await read()).toContain('Tous')
  expect(reads).toHaveLength(3)
  await counted.close()
})

it('a cursor that is not ours is refused, not answered with an error of ours', async () => {
  const me = await customer(nextEpoch())
  for (const cursor of [
    'x',
    'WyJhIiwiYiJd',
    Buffer.from('["2026-02-31T00:00:00Z","x"]').toString('base64url'),
    '0'.repeat(47),
    'f'.repeat(48),
    `7fffffffffffffff${'0'.repeat(32)}`,
  ]) {
    expect((await call(me, `/v1/notifications?cursor=${cursor}`)).status).toBe(422)
  }
})

it('staff have no inbox', async () => {
  expect((await call(admin, '/v1/notifications')).status).toBe(403)
})
