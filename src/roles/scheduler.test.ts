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

it('does what is due while a system of the company is slow, asks it once at a time, and waits for that to end', async () => {
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
  expect(await runsOf('topups')).toBe(1)
})
