import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { CONTENT, type Desk, EVERYONE, openDesk } from '../../../test/desk.ts'
import { populate, startEngine } from '../../../test/engine.ts'
import { signedIn, type TestAccount, until, withDevice } from '../../../test/harness.ts'
import { notify, sweepDeliveries } from '../notifications/index.ts'

let desk: Desk
beforeAll(async () => {
  desk = await openDesk()
})
afterAll(() => desk.close())

let engine: Awaited<ReturnType<typeof startEngine>>
beforeEach(async () => {
  await desk.clear()
  engine = await startEngine(desk.services)
})
afterEach(() => engine.stop())

const tokens = () => desk.services.pushes.map(push => push.token).sort()

async function prefer(who: TestAccount, body: object, status = 200) {
  const headers = { authorization: who.authorization }
  const answer = await desk.app.inject({ method: 'PUT', url: '/v1/me/preferences', headers, payload: body })
  expect(answer.statusCode, answer.body).toBe(status)
  return answer.json()
}

/** A customer with a device called after them. */
async function customer(
  token: string,
  preferences?: object,
  as: { firstName?: string; language?: 'fr' | 'en' } = {},
) {
  const who = await signedIn(desk.services, as)
  await withDevice(desk.services, who.id, token)
  if (preferences) await prefer(who, preferences)
  return who
}

const tell = (who: TestAccount, more: object = {}) =>
  desk.services.db.tx(tx =>
    notify(tx, desk.services, {
      customerId: who.id,
      type: 'message',
      priority: 'normal',
      content: CONTENT,
      ...more,
    }),
  )

const night = { quietHours: { from: '22:00', to: '06:00' } }
const noAnnouncements = { types: { announcement: { push: false } } }

/** Moves the clock to a time of a day to come. */
function goTo(time: string): void {
  const { clock } = desk.services
  const day = 86_400_000
  const today = Math.floor(clock.now() / day) * day
  const ms = (Number(time.slice(0, 2)) * 60 + Number(time.slice(3))) * 60_000
  const at = today + ms
  clock.advance(at > clock.now() ? at - clock.now() : at + day - clock.now())
}

const unitsDone = async () => {
  const [row] = await desk.services.db.query<{ open: number }>(
    "select count(*) open from deliveries where state = 'pending' and due_at <= $1",
    [new Date(desk.services.clock.now())],
  )
  return row?.open === 0
}

it('who never chose gets everything; a choice takes the place of the one before, and touches nobody else', async () => {
  const awa = await customer('awa')
  const modou = await customer('modou', noAnnouncements)
  const shown = async (who: TestAccount) =>
    (
      await desk.app.inject({ url: '/v1/me/preferences', headers: { authorization: who.authorization } })
    ).json()
  const defaults = await shown(awa)
  expect(defaults.quietHours).toBeNull()
  expect(new Set(Object.values(defaults.types).map(type => (type as { push: boolean }).push))).toEqual(
    new Set([true]),
  )
  expect(await prefer(awa, { ...night, types: { bill: { push: false } } })).toMatchObject({
    ...night,
    types: { bill: { push: false }, announcement: { push: true } },
  })
  expect(await shown(modou)).toMatchObject({
    quietHours: null,
    types: { announcement: { push: false }, bill: { push: true } },
  })
  expect(await prefer(awa, {})).toEqual(defaults)
  const rows = await desk.services.db.query('select customer_id from preferences')
  expect(rows).toEqual([{ customer_id: modou.id }])
  for (const bad of [
    { quietHours: { from: '22:00', to: '22:00' } },
    { quietHours: { from: '24:00', to: '06:00' } },
    { types: { surprise: { push: false } } },
    { types: { security: { push: false } } },
  ]) {
    await prefer(awa, bad, 422)
  }
})

it('a type that somebody does not want is not pushed to them, and is in their inbox', async () => {
  const awa = await customer('awa', { types: { message: { push: false }, announcement: { push: false } } })
  await customer('modou')
  await tell(awa)
  const id = await desk.started(EVERYONE)
  expect(await desk.ended(id)).toMatchObject({
    counts: { devices: 2, sent: 1, suppressed: 1 },
    reasons: { preference: 1 },
  })
  await until('the notification', unitsDone)
  expect(tokens()).toEqual(['modou'])
  const inbox = await desk.app.inject({
    url: '/v1/notifications',
    headers: { authorization: awa.authorization },
  })
  expect(inbox.json().items).toHaveLength(2)

  await desk.ended(await desk.started(EVERYONE, { priority: 'urgent' }))
  expect(tokens(), 'danger is told in any case').toEqual(['awa', 'modou', 'modou'])
})

it('a notification at night waits for the morning, once; an urgent one does not; one that is over by then is not sent', async () => {
  goTo('23:00')
  const awa = await customer('awa', night)
  await tell(awa)
  await tell(awa, { expiresInSeconds: 3_600 })
  await until('both', unitsDone)
  expect(tokens()).toEqual([])
  const [short] = await desk.services.db.query(
    'select suppressed, reasons from deliveries where suppressed > 0',
  )
  expect(short).toEqual({ suppressed: 1, reasons: { 'quiet hours': 1 } })
  await tell(awa, { priority: 'urgent' })
  await until('the urgent one', async () => tokens().length === 1 && (await unitsDone()))
  goTo('05:59')
  await sweepDeliveries(desk.services)
  await until('nothing is due', unitsDone)
  expect(tokens()).toEqual(['awa'])
  goTo('06:00')
  await sweepDeliveries(desk.services)
  await until('the morning', () => tokens().length === 2)
})

it('a broadcast at night waits for those who sleep, in a few rows, and goes on in the order and at the pace of its walk', async () => {
  goTo('23:00')
  await populate(desk.services, { name: 'n', customers: 400 })
  // Half of them sleep until six, some until seven.
  await desk.services.db.query(
    `insert into preferences (customer_id, quiet_from, quiet_to, updated_at)
     select id, 1320, case when n % 10 = 0 then 420 else 360 end, now()
     from (select id, row_number() over (order by id) n from accounts where role = 'customer') a where n % 2 = 0`,
  )
  const answer = await desk.post('/preview', desk.admin, { audience: EVERYONE })
  expect(answer.json()).toMatchObject({ devices: 400, muted: 0, quietNow: 200 })
  const id = await desk.started(EVERYONE, { expiresIn: 86_400 })
  await until('those who are awake', async () => (await desk.shown(id)).counts.sent === 200)
  await until('the others put aside', unitsDone)
  const waiting = await desk.services.db.query<{ due_at: Date; size: number; position: number }>(
    "select due_at, size, position from deliveries where state = 'pending' order by due_at",
  )
  expect(waiting.length).toBeLessThanOrEqual(2 * 8)
  expect(waiting.reduce((sum, unit) => sum + unit.size, 0)).toBe(200)
  expect(await desk.shown(id)).toMatchObject({
    state: 'running',
    counts: { devices: 400, sent: 200, pending: 200 },
  })
  goTo('06:00')
  const before = waiting
    .map(unit => unit.due_at.getTime() - desk.services.clock.now())
    .filter(ms => ms < 60_000)
  expect(Math.max(...before)).toBeGreaterThan(Math.min(...before))
  desk.services.clock.advance(1_000)
  await sweepDeliveries(desk.services)
  await until('those of six', async () => (await desk.shown(id)).counts.sent === 360)
  goTo('07:01')
  await sweepDeliveries(desk.services)
  expect(await desk.ended(id)).toMatchObject({ state: 'done', counts: { devices: 400, sent: 400 } })
  expect(new Set(tokens()).size).toBe(400)
})

it('an urgent broadcast, and one that was told to, does not wait for the morning', async () => {
  goTo('23:00')
  await customer('awa', night)
  await desk.ended(await desk.started(EVERYONE, { priority: 'urgent' }))
  await desk.ended(await desk.started(EVERYONE, { respectQuietHours: false }))
  expect(tokens()).toEqual(['awa', 'awa'])
  expect(await desk.ended(await desk.started(EVERYONE, { expiresIn: 3_600 }))).toMatchObject({
    counts: { suppressed: 1 },
    reasons: { 'quiet hours': 1 },
  })
})

it('variables are filled for each, in push and inbox, and nobody’s name is more than a name', async () => {
  const evil = 'A","admin":true,\\ {{lastName}} <b>\n'
  const awa = await customer('awa', undefined, { firstName: 'Awa' })
  const mallory = await customer('mallory', undefined, { firstName: evil, language: 'en' })
  const content = {
    fr: { title: 'Bonjour {{firstName}}', body: 'Chère {{firstName}} {{lastName}} : coupure.' },
    en: { title: 'Hello {{firstName}}', body: 'Outage.' },
  }
  await tell(awa, { content: { fr: { title: 'À vous {{firstName}}', body: 'Tel quel.' } } })
  const id = await desk.started(EVERYONE, { content })
  await desk.ended(id)
  const plain = evil.replaceAll('\n', ' ')
  const title = (token: string) =>
    desk.services.pushes.find(push => push.token === token && push.notificationId === id)?.title
  expect([title('awa'), title('mallory')]).toEqual(['Bonjour Awa', `Hello ${plain}`])
  const inbox = async (who: TestAccount, query = '') =>
    (
      await desk.app.inject({
        url: `/v1/notifications${query}`,
        headers: { authorization: who.authorization },
      })
    ).json()
  expect((await inbox(awa)).items).toMatchObject([
    { id, title: 'Bonjour Awa', body: 'Chère Awa Diop : coupure.', read: false, broadcast: true },
    { title: 'À vous {{firstName}}', body: 'Tel quel.', broadcast: false },
  ])
  const page = await inbox(mallory)
  expect(page.items).toHaveLength(1)
  expect(Object.keys(page.items[0]).sort()).toEqual([
    'body',
    'broadcast',
    'createdAt',
    'id',
    'read',
    'title',
    'type',
  ])
  expect(page.items[0].title).toBe(`Hello ${plain}`)
  const first = await inbox(awa, '?limit=1')
  expect(first.items[0].title).toBe('Bonjour Awa')
  expect((await inbox(awa, `?limit=1&cursor=${first.nextCursor}`)).items[0].title).toBe(
    'À vous {{firstName}}',
  )
})
