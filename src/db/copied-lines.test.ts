import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cloneDatabase } from '../../test/harness.ts'
import { takeCopyData } from './copied-lines.ts'
import { type Database, literal, openDatabase } from './index.ts'

let clone: Awaited<ReturnType<typeof cloneDatabase>>
let db: Database
beforeAll(async () => {
  clone = await cloneDatabase()
  db = clone.db
})
afterAll(() => clone.drop())

const texts = async (sql: string) => (await db.lines(sql)).map(bytes => bytes.toString())

it('lines come as the bytes of their text, whatever is in it, in order', async () => {
  const said = ['', 'l’été à Thiès', `"\\\t'; drop table accounts; --`, 'x'.repeat(300_000), '', 'end', '']
  expect(await texts(`select ${literal(said.join('\n'))}`)).toEqual(said)
})

it('nothing has no lines, an empty text has one; many lines stay apart', async () => {
  expect(await texts('select null::text')).toEqual([])
  expect(await texts("select 'x' where false")).toEqual([])
  expect(await texts("select ''")).toEqual([''])
  const many = await texts(
    "select string_agg(repeat(n::text, 50), E'\\n' order by n) from generate_series(1, 5000) n",
  )
  expect(many).toEqual(Array.from({ length: 5_000 }, (_, i) => String(i + 1).repeat(50)))
})

it('what was read is not overwritten by what is read next', async () => {
  const [first] = await db.lines("select repeat('a', 100)")
  await db.lines("select repeat('b', 100000)")
  expect(first?.toString()).toBe('a'.repeat(100))
})

it('other statements go on as before on a connection that was copied from', async () => {
  const single = openDatabase({ url: clone.url, pool: 1 })
  for (let n = 0; n < 20; n++) {
    const [lines, rows] = await Promise.all([
      single.lines(`select repeat('é', ${n * 5_000})`),
      single.query<{ n: number }>('select $1::int n', [n]),
    ])
    expect(lines[0]?.length).toBe(n * 10_000)
    expect(rows).toEqual([{ n }])
  }
  await single.close()
})

it.each([1, 2, 3, 7, 26])('parts of %i bytes make the same lines', async size => {
  const socket = new EventEmitter()
  const seen: Buffer[] = []
  const copied: Buffer[] = []
  socket.on('data', (bytes: Buffer) => seen.push(Buffer.from(bytes)))
  const giveBack = takeCopyData(socket as Socket, part => copied.push(Buffer.from(part)))
  const message = (type: string, body: string) => {
    const head = Buffer.alloc(5)
    head.write(type, 'latin1')
    head.writeUInt32BE(body.length + 4, 1)
    return Buffer.concat([head, Buffer.from(body)])
  }
  const bytes = Buffer.concat([
    message('H', 'format'),
    message('d', 'one'),
    message('d', ''),
    message('d', 'two'),
    message('N', 'a notice'),
    message('d', 'three'),
    message('c', ''),
  ])
  for (let at = 0; at < bytes.length; at += size) socket.emit('data', bytes.subarray(at, at + size))
  giveBack()
  socket.emit('data', message('Z', 'I'))
  expect(Buffer.concat(copied).toString()).toBe('onetwothree')
  const passed = [message('H', 'format'), message('N', 'a notice'), message('c', ''), message('Z', 'I')]
  expect(Buffer.concat(seen)).toEqual(Buffer.concat(passed))
})

it('a statement that fails rejects with its error, also in its middle, and the pool goes on', async () => {
  await expect(db.lines('select nothing')).rejects.toMatchObject({ code: '42703' })
  await expect(
    db.lines("select string_agg((1 / (1000 - n))::text, E'\\n') from generate_series(1, 2000) n"),
  ).rejects.toMatchObject({ code: '22012' })
  expect(await texts("select 'still here'")).toEqual(['still here'])
  expect(db.stats().waiting).toBe(0)
})

it('one that takes too long is unavailable, and its connection is given up', async () => {
  const hasty = openDatabase({ url: clone.url, pool: 1, statementTimeout: 200 })
  await expect(hasty.lines("select 'x' from pg_sleep(0.6)")).rejects.toMatchObject({ code: 'unavailable' })
  expect((await hasty.lines("select 'y'"))[0]?.toString()).toBe('y')
  // The server notices at its end.
  await db.query('select pg_sleep(0.8)')
  await hasty.close()
})

it('a connection that is lost meanwhile is unavailable', async () => {
  const asked = db.lines("select 'x' from pg_sleep(5)").catch(error => error)
  for (;;) {
    const ended = await db.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where query like 'copy%pg_sleep(5)%' and pid <> pg_backend_pid()",
    )
    if (ended.length > 0) break
    await new Promise(done => setTimeout(done, 20))
  }
  expect(await asked).toMatchObject({ code: 'unavailable' })
})
