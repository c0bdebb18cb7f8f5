import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestServices, testServices, until } from '../../test/harness.ts'
import type { FoundTopUp } from '../backoffice/types.ts'
import { metrics } from '../observability/index.ts'
import { startScheduler } from './scheduler.ts'

let services: TestServices
beforeAll(async () => {
  services = await testServices()
})
afterAll(() => services.close())

const runsOf = async (name: string): Promise<number> =>
  (await metrics.jobs.get()).values.find(
    ({ metricName, labels }) =>
      metricName?.endsWith('_count') && labels.name === name && labels.outcome === 'ok',
  )?.value ?? 0

it('tries again within a minute what failed, however seldom it is due', async () => {
  const log = { ...services.log, error: () => undefined }
  let asked = 0
  const db: TestServices['db'] = {
    ...services.db,
    query(text, values) {
      if (!text.startsWith('delete from found_topups')) return services.db.query(text, values)
      asked++
      return Promise.reject(new Error('not now'))
    },
  }
  const backoffice = { ...services.backoffice, topupsSince: async () => [] }
  const scheduler = startScheduler({ ...services, db, log, backoffice })
  await until('the first try', () => asked === 1)
  const before = await runsOf('deliveries')
  await until('two more rounds', async () => (await runsOf('deliveries')) >= before + 2)
  expect(asked).toBe(1)
  services.clock.advance(61_000)
  await until('the second try', () => asked === 2)
  await scheduler.stop()
})

it('does what is due while a system of the company is slow, asks it once at a time, and waits for that to end', async () => {
  const topups = await runsOf('topups')
  const answer = Promise.withResolvers<FoundTopUp[]>()
  let asked = 0
  const topupsSince = () => {
    asked++
    return answer.promise
  }
  const scheduler = startScheduler({
    ...services,
    backoffice: { ...services.backoffice, topupsSince },
  })
  await until('a question', () => asked === 1)
  const before = await runsOf('deliveries')
  await until('two more rounds', async () => (await runsOf('deliveries')) >= before + 2)
  services.clock.advance(60_000)
  const then = await runsOf('deliveries')
  await until('another round', async () => (await runsOf('deliveries')) > then)
  expect(asked).toBe(1)
  let hasStopped = false
  const stopped = scheduler.stop().then(() => {
    hasStopped = true
  })
  await new Promise(done => setTimeout(done, 50))
  expect(hasStopped).toBe(false)
  answer.resolve([])
  await stopped
  expect(await runsOf('topups')).toBe(topups + 1)
})
