import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cloneDatabase, until } from '../../test/harness.ts'
import type { Database } from '../db/index.ts'
import { newId } from '../lib/id.ts'
import { Problem } from '../lib/problems.ts'
import { keepHistory } from './history.ts'
import type { TaskEvent } from './worker.ts'

let clone: Awaited<ReturnType<typeof cloneDatabase>>
let db: Database
beforeAll(async () => {
  clone = await cloneDatabase()
  db = clone.db
})
afterAll(() => clone.drop())
beforeEach(() => db.query('truncate task_history'))

const at = Date.now()
const event = (more: Partial<TaskEvent> = {}, id = newId()): TaskEvent => ({
  kind: 'succeeded',
  worker: 'worker-1',
  at,
  startedAt: at - 40,
  durationMs: 40,
  message: {
    id,
    task: 'test.task',
    queue: 'normal',
    payload: { n: 1 },
    attempt: 1,
    requestId: 'request-1',
    at: at - 100,
    publishedAt: at - 70,
  },
  ...more,
})
const rows = () => db.query<Record<string, unknown>>('select * from task_history order by finished_at, id')
const fail = (error: unknown) => {
  throw error
}

describe('the history', () => {
  it('keeps whole milliseconds of times that clocks give as fractions', async () => {
    const history = keepHistory({ db, onError: fail })
    const { message } = event()
    history.add(event({ durationMs: 40.4, message: { ...message, at: at - 100.25 } }))
    await history.stop()
    expect(await rows()).toMatchObject([{ run_ms: 40, wait_ms: 60 }])
  })

  it('has a row for how each attempt ended, with its times', async () => {
    const history = keepHistory({ db, onError: fail })
    history.add(event())
    history.add(event({ kind: 'started' }))
    history.add(event({ kind: 'failed', error: new Error('no') }))
    history.add(
      event({ kind: 'retried', at: at + 1, error: new Error('no SMS to +221770000001, code 123456') }),
    )
    history.add(event({ kind: 'revoked', at: at + 2, startedAt: undefined, durationMs: undefined }))
    await history.stop()
    expect((await rows()).map(({ id, task_id, ...row }) => row)).toMatchObject([
      {
        task: 'test.task',
        queue: 'normal',
        worker: 'worker-1',
        state: 'succeeded',
        attempt: 1,
        request_id: 'request-1',
        queued_at: new Date(at - 100),
        published_at: new Date(at - 70),
        started_at: new Date(at - 40),
        finished_at: new Date(at),
        run_ms: 40,
        wait_ms: 60,
        error: null,
        payload: null,
      },
      { state: 'retried', error: 'no SMS to •, code •', payload: { n: 1 } },
      { state: 'revoked', started_at: null, run_ms: null, wait_ms: null },
    ])
    expect(history.dropped()).toBe(0)
  })

  it('is written in batches, by itself', async () => {
    let statements = 0
    const counting = {
      ...db,
      query(...args: Parameters<Database['query']>) {
        statements++
        return db.query(...args)
      },
    }
    const history = keepHistory({ db: counting as Database, onError: fail, flushMs: 50 })
    for (let i = 0; i < 500; i++) history.add(event())
    await until('all rows', async () => (await rows()).length === 500)
    expect(statements).toBe(1)
    await history.stop()
  })

  it('keeps what a database that is away does not take, drops the oldest beyond its bound, and says so once', async () => {
    let away = true
    let errors = 0
    const failing = {
      ...db,
      query: (...args: Parameters<Database['query']>) =>
        away ? Promise.reject(new Problem('unavailable')) : db.query(...args),
    }
    const history = keepHistory({ db: failing as Database, onError: () => errors++, flushMs: 10, most: 100 })
    const ids = Array.from({ length: 150 }, () => newId())
    for (const id of ids) history.add(event({}, id))
    await until('several tries', () => errors > 0)
    await new Promise(resolve => setTimeout(resolve, 60))
    expect([errors, history.dropped()]).toEqual([1, 50])
    away = false
    await until('the rest', async () => (await rows()).length === 100)
    expect(new Set((await rows()).map(row => row.task_id))).toEqual(new Set(ids.slice(50)))
    await history.stop()
  })

  it('loses only the row that cannot be kept', async () => {
    const errors: unknown[] = []
    const history = keepHistory({ db, onError: error => errors.push(error) })
    history.add(event())
    const bad = event({ kind: 'parked' })
    bad.message.payload = { text: 'a\0b' }
    history.add(bad)
    history.add(event({}, 'no-uuid'))
    history.add(event())
    await history.stop()
    expect(await rows()).toHaveLength(2)
    expect(history.dropped()).toBe(2)
    expect(errors.length).toBeGreaterThan(0)
  })
})

describe('partitions by day', () => {
  const partitions = async () =>
    (
      await db.query<{ name: string }>(
        "select inhrelid::regclass::text name from pg_inherits where inhparent = 'task_history'::regclass order by 1",
      )
    ).map(({ name }) => name)
  const insert = (when: string) =>
    db.query(
      `insert into task_history (id, task_id, task, queue, worker, state, attempt, finished_at)
       values ($1, $1, 't', 'normal', 'w', 'succeeded', 1, $2)`,
      [newId(Date.parse(when)), when],
    )

  it('are made ahead, and take what has waited in the default one', async () => {
    await insert('2031-05-03T12:00:00Z')
    await insert('2031-05-03T23:59:59.999Z')
    await db.query("select ensure_daily_partitions('task_history', '2031-05-03T22:00:00Z')")
    await db.query("select ensure_daily_partitions('task_history', '2031-05-03T23:00:00Z')")
    expect((await partitions()).filter(name => name.includes('2031'))).toEqual(
      [3, 4, 5, 6, 7, 8, 9].map(day => `task_history_2031_05_0${day}`).concat('task_history_2031_05_10'),
    )
    expect(await db.query('select from task_history_2031_05_03')).toHaveLength(2)
    expect(await db.query('select from task_history_rest')).toHaveLength(0)
  })

  it('go when they are old, unless something in them is kept', async () => {
    await db.query("select ensure_daily_partitions('task_history', '2001-05-01T00:00:00Z')")
    await insert('2001-05-01T12:00:00Z')
    await insert('2001-05-02T12:00:00Z')
    await insert('1999-01-01T12:00:00Z')
    const dropped = await db.query<{ name: string }>(
      `select drop_partitions('task_history', '2001-05-04T10:00:00Z', 'finished_at >= ''2001-05-02''') as name`,
    )
    expect(dropped.map(({ name }) => name)).toEqual(['task_history_2001_05_01', 'task_history_2001_05_03'])
    expect((await rows()).map(row => row.finished_at)).toEqual([new Date('2001-05-02T12:00:00Z')])
  })
})
