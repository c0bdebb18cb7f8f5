import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import {
  signedIn,
  type TestAccount,
  type TestServices,
  testApp,
  testServices,
  until,
} from '../../../test/harness.ts'
import type { App } from '../../http/index.ts'
import type { Realtime } from '../../http/realtime.ts'
import { newId } from '../../lib/id.ts'
import { notificationsRealtime, notificationsRoutes, notify, publishBroadcast } from './index.ts'

interface Message {
  type: string
  notification?: { id: string; title: string; broadcast: boolean; read: boolean }
  count?: number
  complete?: boolean
  code?: string
  id?: string
}

let services: TestServices
let app: App
let realtime: Realtime
let address: string
const open: WebSocket[] = []

beforeAll(async () => {
  services = await testServices()
  app = await testApp(services, app => notificationsRoutes(app, services))
  realtime = notificationsRealtime(app, services, services.tokens, {
    tickMs: 10,
    sockets: 40,
    socketsOfAccount: 3,
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  address = `ws://127.0.0.1:${(app.server.address() as AddressInfo).port}/v1/realtime`
})
afterEach(async () => {
  for (const ws of open.splice(0)) ws.terminate()
  await until('no socket and no subscription left', () => {
    const { sockets, entering, topics } = realtime.stats()
    return sockets + entering + topics === 0
  })
})
afterAll(async () => {
  await realtime.closeAll('end of test')
  await app.close()
  await services.close()
})

/** A client that keeps what it hears. */
async function connect(url = address, headers: Record<string, string> = {}) {
  const ws = new WebSocket(url, { headers })
  open.push(ws)
  const messages: Message[] = []
  const closed = once(ws, 'close').then(([code, reason]) => ({
    code: code as number,
    reason: String(reason),
  }))
  closed.catch(() => undefined)
  ws.on('message', data => messages.push(JSON.parse(String(data)) as Message))
  await once(ws, 'open')
  const of = (type: string) => messages.filter(message => message.type === type)
  return {
    ws,
    messages,
    closed,
    of,
    say: (message: unknown) => ws.send(JSON.stringify(message)),
    async heard(type: string, count = 1): Promise<Message[]> {
      await until(`${count} × ${type}`, () => of(type).length >= count || ws.readyState !== WebSocket.OPEN)
      if (of(type).length < count) throw new Error(`Closed before ${count} × ${type}`)
      return of(type)
    },
    /** Resolves when the server has heard all that was said before. */
    async understood() {
      const before = of('error').length
      ws.send('{"type":"surprise"}')
      await this.heard('error', before + 1)
    },
    titles: () => of('notification').map(({ notification }) => notification?.title),
  }
}

/** A customer since this very moment of the tests' clock. */
async function customer(as: Parameters<typeof signedIn>[1] = {}): Promise<TestAccount> {
  const account = await signedIn(services, as)
  const now = new Date(services.clock.now())
  await services.db.query('update accounts set created_at = $2 where id = $1', [account.id, now])
  return account
}

const tokenOf = ({ authorization }: TestAccount) => authorization.slice('Bearer '.length)

async function listening(who: TestAccount, lastSeenId?: string) {
  const client = await connect()
  client.say({ type: 'auth', token: tokenOf(who), ...(lastSeenId ? { lastSeenId } : {}) })
  await client.heard('ready')
  return client
}

const tell = (customerId: string, title: string) =>
  services.db.tx(tx => {
    const content = { fr: { title, body: 'Un texte.' } }
    return notify(tx, services, { customerId, type: 'test', priority: 'normal', content })
  })

async function broadcast(
  targets: string[],
  content: object,
  agencyId: number | null = null,
): Promise<string> {
  const id = newId()
  await services.db.tx(async tx => {
    await tx.query(
      `with author as (
         insert into accounts (id, role, login, first_name, last_name, name_key, family_key, secret_hash)
         values ($1, 'admin', $2, 'A', 'B', 'a b', 'b a', 'none') returning id
       )
       insert into broadcasts (id, state, audience, content, priority, expires_at, created_by, agency_id, started_at, customers, devices)
       select $3, 'running', '{}', $4, 'normal', now(), id, $5, now(), 0, 0 from author`,
      [newId(), `staff-${id}`, id, JSON.stringify(content), agencyId],
    )
    await publishBroadcast(tx, services, { broadcastId: id, startedAt: services.clock.now(), targets })
  })
  return id
}

async function linked(customerId: string, agencyId: number): Promise<string> {
  const meterId = newId()
  await services.db.query(
    `with agency as (
       insert into agencies (id, name, match_key) values ($2::integer, $2::text, $2::text) on conflict do nothing
     ), meter as (insert into meters (id, kind, number) values ($1::uuid, 'prepaid', $1::text) returning id)
     insert into meter_links (id, customer_id, meter_id, agency_id, role, status, activated_at)
     select $3, $4, id, $2, 'guest', 'active', now() - interval '1 day' from meter`,
    [meterId, agencyId, newId(), customerId],
  )
  return meterId
}

it('says nothing and closes with 4401 when no good token comes within 5 seconds', async () => {
  const silent = await connect()
  const wrong = await connect()
  wrong.say({ type: 'auth', token: 'not.a.token' })
  const other = await connect(`${address}?token=${tokenOf(await customer())}`)
  other.say({ type: 'pong' })
  expect((await wrong.closed).code).toBe(4401)
  expect((await other.closed).code).toBe(4401)
  expect(silent.ws.readyState).toBe(WebSocket.OPEN)
  services.clock.advance(5_000)
  expect((await silent.closed).code).toBe(4401)
  for (const { messages } of [silent, wrong, other]) expect(messages).toEqual([])
})

it('opens for apps and for pages of our own, not for other pages, nor at another address', async () => {
  const status = async (url: string, headers: Record<string, string> = {}) => {
    const ws = new WebSocket(url, { headers })
    const [error] = (await once(ws, 'error').catch(error => [error])) as [Error]
    return error.message
  }
  expect(await status(address, { origin: 'https://elsewhere.example' })).toContain('403')
  expect(await status(address, { origin: 'null' })).toContain('403')
  expect(await status(address.replace('realtime', 'notifications'))).toContain('404')
  const page = await connect(address, { origin: address.replace('ws:', 'http:').replace('/v1/realtime', '') })
  expect(page.ws.readyState).toBe(WebSocket.OPEN)
})

it('tells each customer what is theirs, in their language, and nobody what is another’s', async () => {
  const me = await customer()
  const other = await customer({ language: 'en' })
  const mine = await listening(me)
  const theirs = await listening(other)
  const { id } = await tell(me.id, 'Pour moi')
  await mine.heard('notification')
  const inbox = await app.inject({ url: '/v1/notifications', headers: { authorization: me.authorization } })
  expect(mine.of('notification')[0]?.notification).toEqual(inbox.json().items[0])
  expect(inbox.json().items[0].id).toBe(id)
  await broadcast(['everyone'], { fr: { title: 'À tous', body: 'x' }, en: { title: 'To all', body: 'x' } })
  await theirs.heard('notification')
  await mine.heard('notification', 2)
  expect(mine.titles()).toEqual(['Pour moi', 'À tous'])
  expect(theirs.titles()).toEqual(['To all'])
  expect(mine.of('notification')[1]?.notification).toMatchObject({ broadcast: true, read: false })
})

it('a broadcast that comes by several of a customer’s targets is heard once, and only by its audience', async () => {
  const me = await customer()
  const other = await customer()
  const meterId = await linked(me.id, 31)
  await linked(other.id, 32)
  const mine = await listening(me)
  const theirs = await listening(other)
  await broadcast(['agency:31', `meter:${meterId}`, `customer:${me.id}`], {
    fr: { title: 'Une fois', body: 'x' },
  })
  await broadcast(['everyone'], { fr: { title: 'Fin', body: 'x' } })
  await until('the end', () => mine.titles().includes('Fin') && theirs.titles().includes('Fin'))
  expect(mine.titles()).toEqual(['Une fois', 'Fin'])
  expect(theirs.titles()).toEqual(['Fin'])
})

it('who comes back gets what came since a minute before the last one seen, oldest first, then ready', async () => {
  const me = await customer()
  await tell(me.id, 'old')
  services.clock.advance(50_000)
  await tell(me.id, 'within the minute')
  services.clock.advance(50_000)
  const { id } = await tell(me.id, 'last seen')
  await tell(me.id, 'missed')
  const client = await listening(me, id)
  expect(client.titles()).toEqual(['within the minute', 'last seen', 'missed'])
  expect(client.messages.at(3)).toEqual({ type: 'ready', complete: true })
  expect(await client.heard('unread-count')).toEqual([{ type: 'unread-count', count: 4 }])
  expect((await listening(me)).titles()).toEqual([])
})

it('says that the replay is not complete when the last id is not of this inbox, or more than 200 came', async () => {
  const me = await customer()
  const other = await customer()
  const { id: first } = await tell(me.id, 'first')
  const { id: foreign } = await tell(other.id, 'foreign')
  await services.db.query(
    `insert into notifications (id, customer_id, type, priority, title, body, created_at, expires_at)
     select gen_random_uuid(), $1, 't', 'low', n::text, 'x', $2::timestamptz + n * interval '1 millisecond', $2
     from generate_series(1, 250) n`,
    [me.id, new Date(services.clock.now())],
  )
  for (const unknown of [foreign, newId(), 'never an id']) {
    const client = await listening(me, unknown)
    expect(client.titles()).toEqual(Array.from({ length: 20 }, (_, i) => String(231 + i)))
    expect(client.of('ready')).toEqual([{ type: 'ready', complete: false }])
    client.ws.terminate()
  }
  const client = await listening(me, first)
  expect(client.of('notification')).toHaveLength(200)
  expect(client.titles().at(-1)).toBe('250')
  expect(client.of('ready')).toEqual([{ type: 'ready', complete: false }])
})

it('nothing is missed and nothing comes twice while sockets open in the middle of a stream', async () => {
  const me = await customer()
  const { id: lastSeen } = await tell(me.id, '0')
  let running = true
  let sent = 0
  const stream = (async () => {
    while (running) await tell(me.id, String(++sent))
  })()
  const clients = await Promise.all([
    listening(me, lastSeen),
    listening(me, lastSeen),
    listening(me, lastSeen),
  ])
  running = false
  await stream
  for (const client of clients) {
    await until('all of the stream', () => client.titles().length >= sent + 1)
    const numbers = client.titles().map(Number)
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: sent + 1 }, (_, i) => i))
  }
})

it('what is read on one socket counts on all of that customer, and on nobody else’s', async () => {
  const me = await customer()
  const other = await customer()
  const { id } = await tell(me.id, 'lu')
  const [phone, tablet, stranger] = [await listening(me), await listening(me), await listening(other)]
  await phone.heard('unread-count')
  await tablet.heard('unread-count')
  stranger.say({ type: 'read', id })
  expect(await stranger.heard('error')).toEqual([{ type: 'error', code: 'not_found' }])
  phone.say({ type: 'read', id })
  for (const client of [phone, tablet]) {
    const [, after] = await client.heard('unread-count', 2)
    expect(after).toEqual({ type: 'unread-count', count: 0 })
  }
  expect(stranger.of('unread-count')).toEqual([{ type: 'unread-count', count: 0 }])
})

it('pings every 30 seconds and closes who does not answer within 10', async () => {
  const [answers, doesNot] = [await listening(await customer()), await listening(await customer())]
  services.clock.advance(30_000)
  await answers.heard('ping')
  await doesNot.heard('ping')
  answers.say({ type: 'pong' })
  await answers.understood()
  services.clock.advance(10_000)
  expect((await doesNot.closed).code).toBe(4408)
  services.clock.advance(20_000)
  await answers.heard('ping', 2)
  expect(answers.ws.readyState).toBe(WebSocket.OPEN)
})

it('closes with 4401 when the token ends, unless a new one of the same account came before', async () => {
  const me = await customer()
  const [renewed, late, stolen] = [
    await listening(me),
    await listening(me),
    await listening(await customer()),
  ]
  services.clock.advance(20 * 60_000)
  const fresh = await services.tokens.issue({ ...me, role: 'customer', agencyId: null })
  renewed.say({ type: 'auth', token: fresh })
  await renewed.heard('ready', 2)
  stolen.say({ type: 'auth', token: fresh })
  expect((await stolen.closed).code).toBe(4401)
  for (const client of [renewed, late]) {
    await client.heard('ping')
    client.say({ type: 'pong' })
    await client.understood()
  }
  services.clock.advance(11 * 60_000)
  expect((await late.closed).code).toBe(4401)
  await renewed.understood()
})

it('a session that is ended closes its sockets at once, others of the account stay', async () => {
  const me = await customer()
  const otherSession = newId()
  const otherToken = await services.tokens.issue({
    id: me.id,
    role: 'customer',
    agencyId: null,
    sessionId: otherSession,
  })
  const [ended, stays] = [
    await listening(me),
    await listening({ ...me, authorization: `Bearer ${otherToken}` }),
  ]
  services.fanout.publish('sessions-revoked', [me.sessionId, newId()])
  expect((await ended.closed).code).toBe(4403)
  await tell(me.id, 'encore')
  await stays.heard('notification')
  // The message of the revocation may be lost: whoever refuses its token is believed within 5 seconds.
  services.tokens.revoke([otherSession])
  services.clock.advance(2_000)
  expect((await stays.closed).code).toBe(4403)
})

it('follows the links of its customer as they change', async () => {
  const me = await customer()
  const client = await listening(me)
  await linked(me.id, 33)
  services.fanout.publish(`customer:${me.id}`, { type: 'links-changed' })
  await until('the new topics', () => realtime.stats().topics === 4)
  await broadcast(['agency:33'], { fr: { title: 'Nouvelle agence', body: 'x' } })
  await client.heard('notification')
  await services.db.query(
    "update meter_links set status = 'revoked', ended_at = now() where customer_id = $1",
    [me.id],
  )
  services.fanout.publish(`customer:${me.id}`, { type: 'links-changed' })
  await until('the old topics', () => realtime.stats().topics === 2)
})

it('staff follow the progress of the broadcasts that they may see, customers never', async () => {
  const reader = await listening(await customer())
  const admin = await listening(await signedIn(services, { role: 'admin' }))
  const agent = await listening(await signedIn(services, { role: 'agent', agencyId: 34 }))
  const content = { fr: { title: 'x', body: 'x' } }
  const [ours, company] = [
    await broadcast(['agency:34'], content, 34),
    await broadcast(['everyone'], content),
  ]
  await reader.heard('notification')
  reader.say({ type: 'watch', broadcastId: ours })
  agent.say({ type: 'watch', broadcastId: company })
  expect(await reader.heard('error')).toEqual([{ type: 'error', code: 'forbidden' }])
  expect(await agent.heard('error')).toEqual([{ type: 'error', code: 'not_found' }])
  agent.say({ type: 'watch', broadcastId: ours })
  admin.say({ type: 'watch', broadcastId: ours })
  const progress = { type: 'broadcast-progress', id: ours, state: 'running', counts: { sent: 3 } }
  await until('both hear', () => {
    services.fanout.publish(`broadcast:${ours}`, progress)
    return agent.of('broadcast-progress').length > 0 && admin.of('broadcast-progress').length > 0
  })
  expect(agent.of('broadcast-progress')[0]).toEqual(progress)
  expect(agent.of('notification')).toEqual([])
  expect(reader.of('broadcast-progress')).toEqual([])
})

it('bounds what a client may do: the size and number of messages, sockets of an account, sockets in all', async () => {
  const me = await customer()
  const large = await listening(me)
  large.say({ type: 'read', id: 'x'.repeat(5_000) })
  expect((await large.closed).code).toBe(1009)
  const garbled = await listening(me)
  garbled.ws.send('{"type":')
  expect((await garbled.closed).code).toBe(4400)
  const binary = await listening(me)
  binary.ws.send(Buffer.from('{"type":"pong"}'), { binary: true })
  expect((await binary.closed).code).toBe(4400)
  const chatty = await listening(me)
  for (let n = 0; n < 60; n++) chatty.say({ type: 'pong' })
  expect((await chatty.closed).code).toBe(4429)

  const [oldest, ...others] = [
    await listening(me),
    await listening(me),
    await listening(me),
    await listening(me),
  ]
  expect((await oldest?.closed)?.code).toBe(4409)
  expect(others.every(({ ws }) => ws.readyState === WebSocket.OPEN)).toBe(true)

  while (realtime.stats().sockets < 40) await connect()
  await expect(connect()).rejects.toThrow('503')
})

it('gives up a socket that does not read, and keeps nothing for it', async () => {
  const me = await customer()
  const slow = await listening(me)
  slow.ws.pause()
  const padding = 'x'.repeat(200_000)
  for (let n = 0; n < 100; n++)
    services.fanout.publish(`customer:${me.id}`, { type: 'unread-count', padding })
  slow.ws.resume()
  expect((await slow.closed).code).toBe(1013)
  expect(slow.of('unread-count').length).toBeLessThan(100)
})

it('draining lets nobody in, closes all with 1012 and waits until they are gone', async () => {
  const other = await testApp(services, () => undefined)
  const draining = notificationsRealtime(other, services, services.tokens, { tickMs: 10 })
  await other.listen({ host: '127.0.0.1', port: 0 })
  const url = `ws://127.0.0.1:${(other.server.address() as AddressInfo).port}/v1/realtime`
  const clients = await Promise.all(Array.from({ length: 300 }, () => connect(url)))
  const closing = draining.closeAll('restart')
  await expect(connect(url)).rejects.toThrow('503')
  await closing
  expect(draining.stats()).toEqual({ sockets: 0, entering: 0, topics: 0 })
  for (const { closed } of clients) expect(await closed).toEqual({ code: 1012, reason: 'restart' })
  await other.close()
})

it('draining lasts as long as it was given, however few there are', async () => {
  const other = await testApp(services, () => undefined)
  const draining = notificationsRealtime(other, services, services.tokens, { tickMs: 10 })
  await other.listen({ host: '127.0.0.1', port: 0 })
  const url = `ws://127.0.0.1:${(other.server.address() as AddressInfo).port}/v1/realtime`
  const { closed } = await connect(url)
  let isOver = false
  const closing = draining.closeAll('restart', 3_000).then(() => {
    isOver = true
  })
  expect(await closed).toEqual({ code: 1012, reason: 'restart' })
  await expect(connect(url)).rejects.toThrow('503')
  expect(isOver).toBe(false)
  await closing
  await other.close()
})

it('draining closes one after the other when there is time', async () => {
  const other = await testApp(services, () => undefined)
  const draining = notificationsRealtime(other, services, services.tokens, { tickMs: 10 })
  await other.listen({ host: '127.0.0.1', port: 0 })
  const url = `ws://127.0.0.1:${(other.server.address() as AddressInfo).port}/v1/realtime`
  const clients = await Promise.all(Array.from({ length: 300 }, () => connect(url)))
  let gone = 0
  for (const { closed } of clients) closed.then(() => gone++)
  const closing = draining.closeAll('restart', 3_000)
  await until('the first slice to be gone', () => gone === 250)
  expect(draining.stats().sockets).toBe(50)
  await closing
  await until('the others to know', () => gone === 300)
  await other.close()
})

it('a broadcast with variables names each who hears it, also those who come back', async () => {
  const awa = await customer({ firstName: 'Awa' })
  const modou = await customer({ firstName: 'Modou "}', language: 'en' })
  const clients = [await listening(awa), await listening(modou)]
  await broadcast(['everyone'], {
    fr: { title: 'Bonjour {{firstName}}', body: 'Coupure.' },
    en: { title: 'Hello {{firstName}} {{lastName}}', body: 'Outage.' },
  })
  for (const client of clients) await client.heard('notification')
  expect(clients.map(client => client.titles())).toEqual([['Bonjour Awa'], ['Hello Modou "} Diop']])
  const back = await listening(awa, newId())
  expect(back.titles()).toContain('Bonjour Awa')
})
