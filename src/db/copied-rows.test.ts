import { afterAll, beforeAll, expect, it } from 'vitest'
import { cloneDatabase } from '../../test/harness.ts'
import { type Database, literal, openDatabase } from './index.ts'

let clone: Awaited<ReturnType<typeof cloneDatabase>>
let db: Database
beforeAll(async () => {
  clone = await cloneDatabase()
  db = clone.db
})
afterAll(() => clone.drop())

const texts = async (sql: string) => (await db.bytes(sql)).map(bytes => bytes.toString())

it('rows come as the bytes of their text, whatever is in it, in order', async () => {
  const said = ['', 'l’été à Thiès', `"\\\n\t'; drop table accounts; --`, 'x'.repeat(300_000)]
  const rows = said.map((text, n) => `(${n}, ${literal(text)})`).join(',')
  expect(await texts(`select text from (values ${rows}) row (n, text) order by n`)).toEqual(said)
})

it('no row is an empty list; many rows stay apart', async () => {
  expect(await texts("select 'x' where false")).toEqual([])
  const many = await texts('select repeat(n::text, 50) from generate_series(1, 5000) n')
  expect(many).toEqual(Array.from({ length: 5_000 }, (_, i) => String(i + 1).repeat(50)))
})

it('what was read is not overwritten by what is read next', async () => {
  const [first] = await db.bytes("select repeat('a', 100)")
  await db.bytes("select repeat('b', 100) from generate_series(1, 100)")
  expect(first?.toString()).toBe('a'.repeat(100))
})

it('a statement that fails rejects with its error, also in the middle of the rows, and the pool goes on', async () => {
  await expect(db.bytes('select nothing')).rejects.toMatchObject({ code: '42703' })
  await expect(
    db.bytes('select (1 / (1000 - n))::text from generate_series(1, 2000) n'),
  ).rejects.toMatchObject({ code: '22012' })
  expect(await texts("select 'still here'")).toEqual(['still here'])
  expect(db.stats().waiting).toBe(0)
})

it('one that takes too long is unavailable, and its connection is given up', async () => {
  const hasty = openDatabase({ url: clone.url, pool: 1, statementTimeout: 200 })
  await expect(hasty.bytes("select 'x' from pg_sleep(0.6)")).rejects.toMatchObject({ code: 'unavailable' })
  expect((await hasty.bytes("select 'y'"))[0]?.toString()).toBe('y')
  // The server notices at its end.
  await db.query('select pg_sleep(0.8)')
  await hasty.close()
})

it('a connection that is lost meanwhile is unavailable', async () => {
  const asked = db.bytes("select 'x' from pg_sleep(5)").catch(error => error)
  for (;;) {
    const ended = await db.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where query like 'copy%pg_sleep(5)%' and pid <> pg_backend_pid()",
    )
    if (ended.length > 0) break
    await new Promise(done => setTimeout(done, 20))
  }
  expect(await asked).toMatchObject({ code: 'unavailable' })
})
