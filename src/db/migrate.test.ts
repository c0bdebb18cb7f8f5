import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cloneDatabase } from '../../test/harness.ts'
import { migrate, openDatabase } from './index.ts'

let clone: Awaited<ReturnType<typeof cloneDatabase>>
let folder: string
let here: URL

beforeAll(async () => {
  clone = await cloneDatabase()
})
afterAll(() => clone.drop())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-migrations-'))
  here = pathToFileURL(`${folder}/`)
  await clone.db.query('drop table if exists ours, log')
  await clone.db.query("delete from schema_migrations where name like '9%'")
})
afterEach(() => rm(folder, { recursive: true }))

const file = (name: string, sql: string) => writeFile(join(folder, name), sql)
const ours = () => clone.db.query('select n from ours order by n')

describe('migrations', () => {
  it('of the product are all applied already, and applying them again does nothing', async () => {
    expect(await migrate(clone.db)).toEqual([])
  })

  it('are applied in the order of their names, once each', async () => {
    await file('9002_b.sql', '-- safe\ninsert into ours values (2);')
    await file('9001_a.sql', '-- safe: new\ncreate table ours (n integer); insert into ours values (1);')
    await file('README.md', 'not one')
    expect(await migrate(clone.db, here)).toEqual(['9001_a.sql', '9002_b.sql'])
    expect(await migrate(clone.db, here)).toEqual([])
    await file('9003_c.sql', '-- breaking: stop everything first\ninsert into ours values (3);')
    expect(await migrate(clone.db, here)).toEqual(['9003_c.sql'])
    expect(await ours()).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
  })

  it('are applied once by several processes that start together', async () => {
    await file('9001_a.sql', '-- safe\ncreate table ours (n integer);')
    await file('9002_b.sql', '-- safe\nselect pg_sleep(0.2); insert into ours values (1);')
    const dbs = [1, 2, 3].map(() => openDatabase({ url: clone.url, pool: 1 }))
    const applied = await Promise.all(dbs.map(db => migrate(db, here)))
    await Promise.all(dbs.map(db => db.close()))
    expect(applied.flat().sort()).toEqual(['9001_a.sql', '9002_b.sql'])
    expect(await ours()).toEqual([{ n: 1 }])
  })

  it('refuse a file that was changed after it had been applied', async () => {
    await file('9001_a.sql', '-- safe\ncreate table ours (n integer);')
    await migrate(clone.db, here)
    await file('9001_a.sql', '-- safe\ncreate table ours (n bigint);')
    await expect(migrate(clone.db, here)).rejects.toThrow('9001_a.sql was changed')
  })

  it('that fail leave nothing of themselves, keep those before, and are applied once mended', async () => {
    await file('9001_a.sql', '-- safe\ncreate table ours (n integer);')
    await file('9002_b.sql', '-- safe\ninsert into ours values (1); insert into nowhere values (1);')
    await expect(migrate(clone.db, here)).rejects.toThrow('nowhere')
    expect(await ours()).toEqual([])
    await file('9002_b.sql', '-- safe\ninsert into ours values (2);')
    expect(await migrate(clone.db, here)).toEqual(['9002_b.sql'])
  })

  it('that do not say how they are rolled out are refused', async () => {
    await file('9001_a.sql', 'create table ours (n integer);')
    await expect(migrate(clone.db, here)).rejects.toThrow('must start with "-- safe"')
  })

  it('may take longer than a customer’s query', async () => {
    await file(
      '9001_a.sql',
      "-- safe\ncreate table ours (n integer); insert into ours select (current_setting('statement_timeout') = '0')::int;",
    )
    await migrate(clone.db, here)
    expect(await ours()).toEqual([{ n: 1 }])
  })
})
