import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { until } from '../../test/harness.ts'
import { openTestMonitor } from '../../test/monitor.ts'

let monitor: Awaited<ReturnType<typeof openTestMonitor>>
beforeAll(async () => {
  monitor = await openTestMonitor()
})
afterAll(() => monitor.close())
afterEach(async () => {
  await monitor.rest()
  await monitor.realDb.query('truncate audit, task_history, task_revocations')
})

/** Parks so many tasks, each for the reason that its number gives. */
async function park(count: number, reason: (n: number) => string): Promise<void> {
  monitor.handle = async n => {
    throw new Error(reason(n))
  }
  await monitor.work()
  for (let n = 0; n < count; n++) await monitor.send(n)
  await until('the history of what was parked', async () => {
    const [row] = await monitor.realDb.query<{ n: number }>(
      "select count(*)::integer n from task_history where state = 'parked'",
    )
    return row?.n === count
  })
}

it('what was put aside is grouped by cause, the most first', async () => {
  await park(5, n => (n < 2 ? 'no route' : 'no room'))
  const { groups, items } = (await monitor.get('/api/parked?limit=1')).body
  expect(items).toHaveLength(1)
  expect(groups).toMatchObject([
    { kind: 'task', name: 'test.task', queue: 'normal', cause: 'no room', count: 3 },
    { cause: 'no route', count: 2 },
  ])
  expect(groups[0].oldestAt <= groups[0].newestAt).toBe(true)
})

it('messages are discarded by cause, with a reason that stays', async () => {
  await park(5, n => (n < 2 ? 'no route' : 'no room'))
  const url = '/api/parked/discard'
  expect((await monitor.post(url, { cause: 'no room' })).status).toBe(422)
  expect((await monitor.post(url, { reason: 'a test' })).status).toBe(422)
  const counted = await monitor.post(url, { cause: 'no room', reason: 'a test', dryRun: true })
  expect(counted.body).toEqual({ dryRun: true, matched: 3, discarded: 0, kept: 0, more: false })
  const done = await monitor.post(url, { cause: 'no room', reason: 'a test' })
  expect(done.body).toMatchObject({ matched: 3, discarded: 3 })
  expect((await monitor.get('/api/parked')).body.groups).toMatchObject([{ cause: 'no route', count: 2 }])
  expect(await monitor.audit()).toMatchObject([
    { action: 'parked.discard', detail: { cause: 'no room', reason: 'a test' } },
  ])
  expect((await monitor.get('/api/audit')).body).toMatchObject({
    items: [{ who: 'monitor:ops', action: 'parked.discard' }],
    nextCursor: null,
    database: 'ok',
  })
})

it('a filter is counted whole, then retried piece by piece', async () => {
  await park(5, () => 'no room')
  monitor.handle = async () => undefined
  const retry = async (more: object) =>
    (await monitor.post('/api/tasks/retry', { state: 'parked', name: 'test.task', ...more })).body
  expect(await retry({})).toEqual({
    dryRun: true,
    matched: 5,
    retried: 0,
    missing: 0,
    more: false,
    nextCursor: null,
  })
  const first = await retry({ dryRun: false, limit: 2 })
  expect(first).toMatchObject({ retried: 2, missing: 0, more: true })
  const second = await retry({ dryRun: false, limit: 2, cursor: first.nextCursor })
  expect(second).toMatchObject({ retried: 2, more: true })
  expect(await retry({ dryRun: false, limit: 2 })).toMatchObject({
    retried: 1,
    more: false,
    nextCursor: null,
  })
  expect(await retry({})).toMatchObject({ matched: 0 })
})

it('a task whose message the broker does not show is neither sent again nor marked, and does not hold up the others', async () => {
  await park(3, () => 'no room')
  const [first] = await monitor.realDb.query<{ id: string }>(
    'select task_id id from task_history h order by h.id limit 1',
  )
  const hidden = first?.id ?? ''
  const ran: number[] = []
  monitor.handle = async n => void ran.push(n)
  // As if another process held it in this moment.
  await monitor.broker.discard([hidden])
  const filter = { state: 'parked', name: 'test.task', dryRun: false }
  const one = (await monitor.post('/api/tasks/retry', { ...filter, limit: 1 })).body
  expect(one).toMatchObject({ matched: 1, retried: 0, missing: 1, more: true })
  const rest = (await monitor.post('/api/tasks/retry', { ...filter, cursor: one.nextCursor })).body
  expect(rest).toMatchObject({ matched: 2, retried: 2, missing: 0, more: false })
  await until('the two others', () => ran.length === 2)
  const marked = await monitor.realDb.query(
    'select task_id from task_history where resent_at is not null and task_id = $1',
    [hidden],
  )
  expect(marked).toEqual([])
  const single = await monitor.post(`/api/tasks/${hidden}/retry`)
  expect([single.status, single.body.detail]).toEqual([409, expect.stringContaining('nothing was sent')])
  expect(ran).toHaveLength(2)
})

it('what was discarded is not sent again, and says so', async () => {
  await park(2, () => 'no room')
  const [one] = await monitor.broker.parked()
  const id = one?.message.id ?? ''
  await monitor.post('/api/parked/discard', { ids: [id], reason: 'a test' })
  const counted = await monitor.post('/api/tasks/retry', { state: 'parked', name: 'test.task' })
  expect(counted.body).toMatchObject({ matched: 1 })
  const refused = await monitor.post(`/api/tasks/${id}/retry`)
  expect([refused.status, refused.body.detail]).toEqual([409, 'what was put aside of the task was discarded'])
  expect((await monitor.get(`/api/tasks/${id}`)).body).toMatchObject({ discardedAt: expect.any(String) })
})

it('arguments and errors of what did not succeed are searched, and the characters of patterns are themselves', async () => {
  await park(3, n => `room ${'abc'[n]}_x`)
  const found = async (search: string) =>
    (await monitor.get(`/api/tasks?search=${encodeURIComponent(search)}`)).body.items.length
  expect(await found('b_x')).toBe(1)
  expect(await found('"n": 2')).toBe(1)
  expect(await found('request-1')).toBe(3)
  expect(await found('room %x')).toBe(0)
  const [task] = (await monitor.get('/api/tasks')).body.items
  expect(await found(task.id)).toBe(1)
  expect((await monitor.get(`/api/tasks/${task.id}`)).body).toMatchObject({
    attempts: [{ arguments: expect.stringContaining('"n"') }],
    cause: { requestId: 'request-1', acts: [] },
  })
})

it('what is due, broadcasts, and the last hour of the queues are told, also while something is away', async () => {
  await monitor.send(1, { delayMs: 5_000 })
  const empty = { broadcasts: [], tasks: [], deliveries: [], broker: 'ok', database: 'ok' }
  expect((await monitor.get('/api/due')).body).toMatchObject({
    ...empty,
    delayed: [{}, {}, { queue: 'normal', delayed: 1 }, {}],
  })
  expect((await monitor.get('/api/broadcasts')).body).toEqual({ items: [], database: 'ok' })
  const { everySeconds, items } = (await monitor.get('/api/queues/history')).body
  expect(everySeconds).toBe(5)
  expect(items[0].queues.normal).toMatchObject({ ready: 0, outPerSecond: 0 })
  monitor.away.broker = monitor.away.database = true
  expect((await monitor.get('/api/due')).body).toMatchObject({ broker: 'down', database: 'down' })
  expect((await monitor.get('/api/broadcasts')).body).toEqual({ items: [], database: 'down' })
  expect((await monitor.get('/api/audit')).body).toMatchObject({ items: [], database: 'down' })
})
