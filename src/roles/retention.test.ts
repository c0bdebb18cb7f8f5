import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestServices, testServices } from '../../test/harness.ts'
import { newId } from '../lib/id.ts'
import { persistRevocations } from '../tasks/index.ts'
import { dropOld, makePartitions } from './retention.ts'

let services: TestServices
beforeAll(async () => {
  services = await testServices()
})
afterAll(() => services.close())

const DAY = 86_400_000
const partitionsOf = async (table: string) =>
  (
    await services.db.query<{ name: string }>(
      'select inhrelid::regclass::text name from pg_inherits where inhparent = $1::regclass order by 1',
      [table],
    )
  ).map(({ name }) => name)

it('each table is kept for its time, and a delivery for as long as it is not accounted for', async () => {
  const { db, clock } = services
  const longAgo = Date.parse('2020-01-15T12:00:00Z')
  await db.query(
    "select ensure_partitions('deliveries', '2020-01-15'), ensure_partitions('audit', '2020-01-15')",
  )
  await db.query("select ensure_daily_partitions('task_history', '2020-01-15')")
  const open = newId(longAgo)
  await db.query(
    `insert into deliveries (id, notification_id, queue, state) values ($1, $1, 'normal', 'parked')`,
    [open],
  )
  await db.query("insert into audit (id, action) values ($1, 'x')", [newId(clock.now() - 2 * 365 * DAY)])
  await persistRevocations(db, [newId(), newId()], 'monitor:ops')
  await db.query(
    "update task_revocations set revoked_at = now() - interval '8 days' where ctid in (select ctid from task_revocations limit 1)",
  )

  await makePartitions(services)
  await dropOld(services)

  expect((await partitionsOf('deliveries')).filter(name => name.includes('2020'))).toEqual([
    'deliveries_2020_01',
  ])
  expect((await partitionsOf('audit')).filter(name => name.includes('2020'))).toEqual([])
  expect((await partitionsOf('task_history')).filter(name => name.includes('2020'))).toEqual([])
  expect(await db.query('select from audit')).toHaveLength(1)
  expect(await db.query('select from task_revocations')).toHaveLength(1)

  await db.query("update deliveries set state = 'done'")
  await dropOld(services)
  expect((await partitionsOf('deliveries')).filter(name => name.includes('2020'))).toEqual([])
})

it('partitions are made once, however often they are asked for', async () => {
  const { db, clock } = services
  const day = new Date(clock.now()).toISOString().slice(0, 10).replaceAll('-', '_')
  expect(await partitionsOf('task_history')).toContain(`task_history_${day}`)
  await makePartitions(services)
  expect(await db.query('select from task_history_rest')).toEqual([])
})
