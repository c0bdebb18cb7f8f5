import { afterAll, beforeAll, expect, it } from 'vitest'
import { cloneDatabase, until } from '../../test/harness.ts'
import { databaseClock } from './clock.ts'
import type { Database } from './index.ts'

const HOUR = 3_600_000
const NEAR_MS = 2_000

let clone: Awaited<ReturnType<typeof cloneDatabase>>
let db: Database
beforeAll(async () => {
  clone = await cloneDatabase()
  db = clone.db
})
afterAll(() => clone.drop())

const away = (ms: number) => Math.abs(ms - Date.now())

it('is the database’s time, though the machine is an hour off', async () => {
  const clock = databaseClock(db, { machine: { now: () => Date.now() + HOUR } })
  expect(await clock.asked).toBe(true)
  expect(away(clock.now())).toBeLessThan(NEAR_MS)
  await clock.stop()
})

it('is the machine’s until the database answers, and then the database’s', async () => {
  let isAway = true
  const errors: unknown[] = []
  const clock = databaseClock(
    {
      async query(text, values) {
        if (isAway) throw new Error('away')
        return db.query(text, values)
      },
    },
    { machine: { now: () => Date.now() - HOUR }, onError: error => errors.push(error) },
  )
  expect(await clock.asked).toBe(false)
  expect(away(clock.now() + HOUR)).toBeLessThan(NEAR_MS)
  isAway = false
  await until('the database’s time', () => away(clock.now()) < NEAR_MS)
  expect(errors.length).toBeGreaterThan(0)
  await clock.stop()
})

it('follows the database, and goes on while it is away', async () => {
  let ahead = 0
  let steadyMs = 0
  let isAway = false
  const clock = databaseClock(
    {
      async query<Row>() {
        if (isAway) throw new Error('away')
        return [{ ms: 1_000_000 + ahead } as Row]
      },
    },
    { steady: () => steadyMs, everyMs: 5 },
  )
  await clock.asked
  expect(clock.now()).toBe(1_000_000)
  ahead = HOUR
  await until('the new time', () => clock.now() === 1_000_000 + HOUR)
  isAway = true
  await new Promise(done => setTimeout(done, 20))
  steadyMs += 700
  expect(clock.now()).toBe(1_000_700 + HOUR)
  await clock.stop()
})
