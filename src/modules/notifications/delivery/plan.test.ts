import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { populate } from '../../../../test/engine.ts'
import { signedIn, type TestServices, testServices } from '../../../../test/harness.ts'
import type { Tx } from '../../../db/index.ts'
import { newId } from '../../../lib/id.ts'
import { type Audience, countAudience, devicesOfChunk } from './audience.ts'
import { planBroadcast } from './plan.ts'

let services: TestServices
let staffId: string
beforeAll(async () => {
  services = await testServices()
  staffId = (await signedIn(services, { role: 'admin' })).id
})
afterAll(() => services.close())

async function broadcast(audience: Audience): Promise<string> {
  const id = newId()
  await services.db.query(
    `insert into broadcasts (id, state, audience, content, priority, expires_at, created_by, started_at, customers, devices)
     values ($1, 'running', $2, '{}', 'low', now() + interval '1 day', $3, now(), 0, 0)`,
    [id, JSON.stringify(audience), staffId],
  )
  return id
}

interface Chunk {
  after_customer: string
  through_customer: string
  size: number
}

const chunksOf = (id: string) =>
  services.db.query<Chunk>(
    'select after_customer, through_customer, size from deliveries where broadcast_id = $1 order by through_customer',
    [id],
  )

/**
 * The planner with a process that dies in one of so many transactions, and workers that end chunks in between. Which ones
 * is by chance: in step with the two that plan, death would take the one that works each time, for ever.
 */
async function planWithCrashes(id: string, pushChunk: number, dieEvery: number): Promise<void> {
  let chance = dieEvery
  const dies = () => {
    chance = (chance * 1_103_515_245 + 12_345) % 2 ** 31
    return chance < 2 ** 31 / dieEvery
  }
  const frail = {
    ...services,
    config: { ...services.config, pushChunk },
    db: {
      ...services.db,
      tx: <T>(work: (tx: Tx) => Promise<T>) =>
        services.db.tx(async tx => {
          const result = await work(tx)
          if (dies()) throw new Error('killed')
          return result
        }),
    },
  }
  for (let turn = 0; turn < 500; turn++) {
    await Promise.allSettled([planBroadcast(frail, id), planBroadcast(frail, id)])
    const [row] = await services.db.query<{ planned: boolean }>(
      "with ended as (update deliveries set state = 'done' where broadcast_id = $1) select planned from broadcasts where id = $1",
      [id],
    )
    if (row?.planned) return
  }
  throw new Error('never planned')
}

async function expectPartition(audience: Audience, pushChunk: number, most: number, dieEvery: number) {
  const id = await broadcast(audience)
  await planWithCrashes(id, pushChunk, dieEvery)
  const chunks = await chunksOf(id)
  const sent: string[] = []
  let before: string | undefined
  for (const { after_customer, through_customer, size } of chunks) {
    if (before !== undefined) expect(after_customer >= before, 'chunks overlap').toBe(true)
    before = through_customer
    const rows = await devicesOfChunk<{ id: string }>(
      services.db,
      audience,
      new Date(),
      after_customer,
      through_customer,
    )
    expect(rows).toHaveLength(size)
    expect(size).toBeLessThanOrEqual(pushChunk + most)
    sent.push(...rows.map(row => row.id))
  }
  const { devices } = await countAudience(services.db, audience, new Date())
  expect(sent).toHaveLength(devices)
  expect(new Set(sent).size).toBe(devices)
  const [progress] = await services.db.query<{ planned_chunks: number }>(
    'select planned_chunks from broadcasts where id = $1',
    [id],
  )
  expect(progress?.planned_chunks).toBe(chunks.length)
}

it('chunks part an audience: each device in one, a customer in one, whoever crashes meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 5, arbitrary: fc.nat(3) }, fc.nat(12)), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 2, max: 9 }),
      fc.array(fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 }), { minLength: 1, maxLength: 7 }),
      async (devices, customers, pushChunk, dieEvery, links) => {
        await services.db.query(
          'truncate deliveries, broadcasts, outbox, devices, meter_links, meters cascade',
        )
        await services.db.query("delete from accounts where role = 'customer'")
        const ids = await populate(services, { name: 'd', customers, devices })
        const most = Math.max(...devices)
        await expectPartition({ kind: 'everyone' }, pushChunk, most, dieEvery)

        const rows = ids.flatMap((id, n) => (links[n % links.length] ?? []).map(agency => ({ id, agency })))
        await services.db.query(
          `with agencies as (insert into agencies (id, name, match_key) select n, n::text, n::text from generate_series(1, 3) n on conflict do nothing),
           meters as (
             insert into meters (id, kind, number, agency_id) select gen_random_uuid(), 'prepaid', n::text, agency
             from unnest($1::uuid[], $2::int[]) with ordinality l (customer, agency, n) returning id, number, agency_id)
           insert into meter_links (id, customer_id, meter_id, agency_id, role, status, activated_at)
           select gen_random_uuid(), customer, m.id, agency, 'guest', 'active', now() - interval '1 day'
           from unnest($1::uuid[], $2::int[]) with ordinality l (customer, agency, n) join meters m on m.number = n::text`,
          [rows.map(row => row.id), rows.map(row => row.agency)],
        )
        await expectPartition({ kind: 'agencies', agencyIds: ['1', '3'] }, pushChunk, most, dieEvery)
        await expectPartition({ kind: 'customers', ids: ids.slice(0, 40) }, pushChunk, most, dieEvery)
      },
    ),
    { numRuns: 8, endOnFailure: true },
  )
})

it('plans no more than a window ahead of the workers', async () => {
  await services.db.query('truncate deliveries, broadcasts, devices cascade')
  await populate(services, { name: 'w', customers: 300 })
  const id = await broadcast({ kind: 'everyone' })
  const small = { ...services, config: { ...services.config, pushChunk: 1 } }
  await planBroadcast(small, id)
  const first = (await chunksOf(id)).length
  expect(first).toBeLessThanOrEqual(60)
  await planBroadcast(small, id)
  expect(await chunksOf(id)).toHaveLength(first)
})
