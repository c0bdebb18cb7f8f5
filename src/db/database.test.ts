import { createServer, type Socket } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { cloneDatabase, until } from '../../test/harness.ts'
import { Problem } from '../lib/problems.ts'
import { type Database, isUniqueViolation, openDatabase } from './index.ts'

let clone: Awaited<ReturnType<typeof cloneDatabase>>
let db: Database

beforeAll(async () => {
  clone = await cloneDatabase()
  db = clone.db
  await db.query('create table things (n integer constraint things_once unique)')
})
afterAll(() => clone.drop())
beforeEach(async () => {
  await db.query('truncate things')
})

const things = async () =>
  (await db.query<{ n: number }>('select n from things order by n')).map(({ n }) => n)
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    error => error,
  )

/** Ends the connection with this process id, as a restart of the server or an operator does. */
async function terminate(pid: number): Promise<void> {
  const admin = new pg.Client({ connectionString: inject('adminUrl') })
  await admin.connect()
  await admin.query('select pg_terminate_backend($1, 2000)', [pid])
  await admin.end()
}

const pidOf = async (on: { query: Database['query'] }) =>
  (await on.query<{ pid: number }>('select pg_backend_pid() pid'))[0]?.pid as number

describe('a transaction', () => {
  it('keeps all of its work, or none when it rejects', async () => {
    await db.tx(async tx => {
      await tx.query('insert into things values (1)')
      await tx.query('insert into things values (2)')
    })
    const why = new Error('changed my mind')
    const rejected = await failure(
      db.tx(async tx => {
        await tx.query('insert into things values (3)')
        throw why
      }),
    )
    expect(rejected).toBe(why)
    expect(await things()).toEqual([1, 2])
  })

  it('gives what its work resolves to', async () => {
    expect(await db.tx(async tx => (await tx.query<{ x: number }>('select 7 x'))[0]?.x)).toBe(7)
  })

  it('does what follows the commit in order, once others see its work, before it resolves', async () => {
    const seen: unknown[] = []
    await db.tx(async tx => {
      await tx.query('insert into things values (1)')
      tx.afterCommit(async () => {
        seen.push(await things())
      })
      tx.afterCommit(() => void seen.push('second'))
      expect(seen).toEqual([])
    })
    expect(seen).toEqual([[1], 'second'])
  })

  it('does nothing of what would follow when it rolls back', async () => {
    let ran = false
    await failure(
      db.tx(async tx => {
        tx.afterCommit(() => {
          ran = true
        })
        await tx.query('insert into things values (1), (1)')
      }),
    )
    expect(ran).toBe(false)
  })

  it('rejects when a statement in it failed and the failure was caught, since nothing was kept', async () => {
    let ran = false
    const rejected = await failure(
      db.tx(async tx => {
        tx.afterCommit(() => {
          ran = true
        })
        await tx.query('insert into things values (1)')
        await tx.query('insert into things values (1)').catch(() => undefined)
      }),
    )
    expect(rejected).toBeInstanceOf(Error)
    expect(ran).toBe(false)
    expect(await things()).toEqual([])
  })

  it('cannot be used once it is over', async () => {
    const leaked = await db.tx(async tx => tx)
    await expect(leaked.query('select 1')).rejects.toThrow('over')
  })

  it('of which a constraint fails says which, and leaves its connection usable', async () => {
    const { total } = db.stats()
    const error = await failure(db.tx(tx => tx.query('insert into things values (1), (1)')))
    expect(isUniqueViolation(error, 'things_once')).toBe(true)
    expect(isUniqueViolation(error, 'another')).toBe(false)
    expect(db.stats().total).toBe(total)
  })

  it('that rejects with a problem of ours rejects with that problem, whatever its words', async () => {
    const problem = new Problem('conflict', {
      detail: { fr: 'délai dépassé', en: 'timeout: the connection terminated' },
    })
    expect(await failure(db.tx(() => Promise.reject(problem)))).toBe(problem)
    const error = new Error('timeout of another system')
    expect(await failure(db.tx(() => Promise.reject(error)))).toBe(error)
  })
})

describe('a connection that is lost', () => {
  it('in the middle of a transaction: unavailable, nothing kept, and the pool goes on', async () => {
    let ran = false
    const error = await failure(
      db.tx(async tx => {
        tx.afterCommit(() => {
          ran = true
        })
        await tx.query('insert into things values (1)')
        await terminate(await pidOf(tx))
        await tx.query('insert into things values (2)')
      }),
    )
    expect(error).toMatchObject({ code: 'unavailable', status: 503, retryAfter: 2 })
    expect(ran).toBe(false)
    expect(await things()).toEqual([])
    await db.tx(tx => tx.query('insert into things values (3)'))
    expect(await things()).toEqual([3])
  })

  it('while a statement runs: unavailable, at once', async () => {
    const startedAt = performance.now()
    const statement = failure(
      db.tx(async tx => {
        const pid = await pidOf(tx)
        setTimeout(() => void terminate(pid), 50)
        await tx.query('select pg_sleep(8)')
      }),
    )
    expect(await statement).toMatchObject({ code: 'unavailable' })
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })

  it('before the commit: unavailable, and nothing kept', async () => {
    const error = await failure(
      db.tx(async tx => {
        await tx.query('insert into things values (1)')
        await terminate(await pidOf(tx))
      }),
    )
    expect(error).toMatchObject({ code: 'unavailable' })
    expect(await things()).toEqual([])
  })

  it('while idle is told, and the next query has a new one', async () => {
    const told: Error[] = []
    const own = openDatabase({ url: clone.directUrl, pool: 1, onError: error => void told.push(error) })
    const pid = await pidOf(own)
    await terminate(pid)
    await until('the loss', () => told.length > 0)
    expect(await pidOf(own)).not.toBe(pid)
    await own.close()
  })

  it('between PgBouncer and the server while idle is not even noticed', async () => {
    const told: Error[] = []
    const own = openDatabase({ url: clone.url, pool: 1, onError: error => void told.push(error) })
    const pid = await pidOf(own)
    await terminate(pid)
    expect(await pidOf(own)).not.toBe(pid)
    expect(told).toEqual([])
    await own.close()
  })

  it('of one’s own is not given back to the pool', async () => {
    const own = openDatabase({ url: clone.directUrl, pool: 1 })
    const pid = await pidOf(own)
    const why = new Error('in the middle of a COPY')
    expect(await failure(own.withConnection(() => Promise.reject(why)))).toBe(why)
    expect(await pidOf(own)).not.toBe(pid)
    await own.close()
  })
})

describe('a database that is away or too slow', () => {
  it('is unavailable', async () => {
    const nobody = openDatabase({ url: 'postgres://x:y@127.0.0.1:9/none' })
    expect(await failure(nobody.query('select 1'))).toMatchObject({ code: 'unavailable' })
    expect(await failure(nobody.tx(async () => undefined))).toMatchObject({ code: 'unavailable' })
    expect(await failure(nobody.withConnection(async () => undefined))).toMatchObject({ code: 'unavailable' })
    await nobody.close()
  })

  it('that accepts and says nothing is unavailable within the time to connect', async () => {
    const sockets = new Set<Socket>()
    const silent = createServer(socket => void sockets.add(socket))
    await new Promise<void>(done => silent.listen(0, '127.0.0.1', done))
    const { port } = silent.address() as { port: number }
    const db = openDatabase({ url: `postgres://x:y@127.0.0.1:${port}/none`, connectTimeout: 300 })
    const startedAt = performance.now()
    expect(await failure(db.query('select 1'))).toMatchObject({ code: 'unavailable' })
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    await db.close()
    for (const socket of sockets) socket.destroy()
    await new Promise(done => silent.close(done))
  })

  it('by the server’s own limit on a statement is unavailable, and the connection goes on', async () => {
    const own = openDatabase({ url: clone.url, pool: 1 })
    const pid = await pidOf(own)
    const error = await failure(
      own.tx(async tx => {
        await tx.query("set local statement_timeout = '50ms'")
        await tx.query('select pg_sleep(5)')
      }),
    )
    expect(error).toMatchObject({ code: 'unavailable' })
    expect(await pidOf(own)).toBe(pid)
    await own.close()
  })

  it('by our limit on a statement is unavailable, without waiting for the statement or its connection', async () => {
    const own = openDatabase({ url: clone.url, pool: 1, statementTimeout: 150 })
    const startedAt = performance.now()
    expect(await failure(own.tx(tx => tx.query('select pg_sleep(3)')))).toMatchObject({ code: 'unavailable' })
    expect(await failure(own.query('select pg_sleep(3)'))).toMatchObject({ code: 'unavailable' })
    expect(await own.query('select 1 one')).toEqual([{ one: 1 }])
    expect(performance.now() - startedAt).toBeLessThan(2_500)
    await own.close()
  })

  it('two transactions that wait for each other: one is told to try again, the other commits', async () => {
    await db.query('insert into things values (1), (2)')
    let both = 0
    const meet = () => until('both hold one', () => both === 2)
    const update = (first: number, second: number) =>
      db.tx(async tx => {
        await tx.query('update things set n = n where n = $1', [first])
        both++
        await meet()
        await tx.query('update things set n = n where n = $1', [second])
      })
    const [one, other] = await Promise.allSettled([update(1, 2), update(2, 1)])
    const rejected = [one, other].filter(({ status }) => status === 'rejected')
    expect(rejected).toMatchObject([{ reason: { code: 'unavailable' } }])
  })
})

describe('more callers than connections', () => {
  it('wait their turn, all served', async () => {
    const own = openDatabase({ url: clone.url, pool: 2 })
    const rows = await Promise.all(Array.from({ length: 200 }, (_, n) => own.query('select $1::int n', [n])))
    expect(rows.flat()).toEqual(Array.from({ length: 200 }, (_, n) => ({ n })))
    expect(own.stats().total).toBe(2)
    await own.close()
  })

  it('wait for a connection no longer than they may, then it is unavailable', async () => {
    const own = openDatabase({ url: clone.url, pool: 1, connectTimeout: 300 })
    let letGo: () => void = () => undefined
    const held = own.withConnection(
      () =>
        new Promise<void>(done => {
          letGo = done
        }),
    )
    const startedAt = performance.now()
    expect(await failure(own.query('select 1'))).toMatchObject({ code: 'unavailable' })
    const waited = performance.now() - startedAt
    expect(waited).toBeGreaterThan(250)
    expect(waited).toBeLessThan(2_000)
    letGo()
    await held
    expect(await own.query('select 1 one')).toEqual([{ one: 1 }])
    await own.close()
  })

  it('are refused at once beyond the bound of the line', async () => {
    const own = openDatabase({ url: clone.url, pool: 1, maxWaiting: 3 })
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => own.tx(tx => tx.query('select pg_sleep(0.05)'))),
    )
    const refused = results.filter(({ status }) => status === 'rejected')
    expect(refused).toHaveLength(6)
    expect(refused[0]).toMatchObject({ reason: { code: 'unavailable' } })
    expect(await failure(own.query('select 1'))).toBeNull()
    await own.close()
  })
})

describe('what comes in and out', () => {
  it('a text that no column can hold is malformed, not an error of ours', async () => {
    expect(await failure(db.query('select $1::text', ['a\0b']))).toMatchObject({
      code: 'malformed',
      status: 400,
    })
    expect(await failure(db.query('select $1::jsonb', ['{"a":"\\u0000"}']))).toMatchObject({
      code: 'malformed',
    })
  })

  it('a wrong statement stays an error of ours', async () => {
    const error = await failure(db.query('selekt 1'))
    expect(error).toBeInstanceOf(pg.DatabaseError)
    expect(error).not.toBeInstanceOf(Problem)
  })

  it('counts are numbers', async () => {
    expect(await db.query('select count(*) n from things')).toEqual([{ n: 0 }])
  })

  it('after it was closed a query is refused as unavailable', async () => {
    const own = openDatabase({ url: clone.url })
    await own.close()
    expect(await failure(own.query('select 1'))).toMatchObject({ code: 'unavailable' })
  })
})
