import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startMonitorStack } from '../browser/monitor-stack.ts'
import { until } from '../harness.ts'
import { expectConventions, type Family, families, sumOf } from './exposition.ts'

const CUSTOMERS = 200
/** Series of one process; what grows with customers or time would soon be more. */
const MOST_SERIES = 1_500

let stack: Awaited<ReturnType<typeof startMonitorStack>>
const told = new Map<string, Family[]>()

const read = async (name: string): Promise<Family[]> => {
  const answer = await fetch(`http://127.0.0.1:${stack.metricsPorts[name]}/metrics`)
  expect([name, answer.status]).toEqual([name, 200])
  return families(await answer.text())
}

beforeAll(async () => {
  stack = await startMonitorStack()
  await stack.seed(CUSTOMERS)
  const { accessToken } = await stack.api('POST', '/v1/auth/token', {
    grant: 'password',
    login: 'admin',
    password: 'Admin-demo-2026',
  })
  const { id } = await stack.api(
    'POST',
    '/v1/admin/broadcasts',
    {
      audience: { kind: 'everyone' },
      content: { fr: { title: 'Coupure', body: 'Retour à 18 h.' } },
      respectQuietHours: false,
    },
    accessToken,
  )
  const isDone = async () =>
    (await stack.api('GET', `/v1/admin/broadcasts/${id}`, undefined, accessToken)).state === 'done'
  await until('the end of the broadcast', isDone, 60_000)
  for (const name of Object.keys(stack.metricsPorts)) told.set(name, await read(name))
}, 420_000)
afterAll(() => stack?.stop(), 60_000)

/** Of all processes of one role together. */
const of = (role: string): Family[] =>
  [...told].filter(([name]) => name.startsWith(`samaconso_${role}`)).flatMap(([, all]) => all)

describe('each role, as a process of its own, after a broadcast', () => {
  it.each(['api_1', 'api_2', 'worker_1', 'worker_2', 'scheduler_1', 'scheduler_2', 'monitor'])(
    '%s tells metrics with units and help, few labels and few series',
    name => {
      const all = told.get(`samaconso_${name}`) ?? []
      expectConventions(all, MOST_SERIES)
      // What every process has.
      for (const common of [
        'process_cpu_seconds_total',
        'nodejs_eventloop_lag_seconds',
        'samaconso_log_lines_total',
      ])
        expect(
          all.some(family => family.name === common),
          common,
        ).toBe(true)
    },
  )

  it('the API tells requests, sign-ins, its pool and what it depends on', () => {
    const request = { route: '/v1/admin/broadcasts', method: 'POST', status: '202' }
    expect(sumOf(of('api'), 'samaconso_http_request_duration_seconds_count', request)).toBe(1)
    expect(sumOf(of('api'), 'samaconso_sign_ins_total', { grant: 'password', outcome: 'ok' })).toBe(1)
    expect(sumOf(of('api'), 'samaconso_dependency_up', { dependency: 'database' })).toBe(2)
    expect(sumOf(of('api'), 'samaconso_database_connections')).toBeGreaterThan(0)
  })

  it('workers tell tasks, deliveries and calls of FCM; nobody else delivers', () => {
    const sent = { kind: 'broadcast', outcome: 'sent' }
    expect(sumOf(of('worker'), 'samaconso_deliveries_total', sent)).toBeGreaterThan(CUSTOMERS / 2)
    expect(sumOf(of('worker'), 'samaconso_tasks_total', { outcome: 'succeeded' })).toBeGreaterThan(0)
    expect(sumOf(of('worker'), 'samaconso_task_wait_seconds_count')).toBeGreaterThan(0)
    expect(
      sumOf(of('worker'), 'samaconso_outside_call_duration_seconds_count', { system: 'fcm' }),
    ).toBeGreaterThan(CUSTOMERS / 2)
    for (const other of ['api', 'scheduler', 'monitor'])
      expect([other, sumOf(of(other), 'samaconso_deliveries_total')]).toEqual([other, 0])
  })

  it('schedulers tell their jobs, and exactly one is active', () => {
    expect(sumOf(of('scheduler'), 'samaconso_scheduler_active')).toBe(1)
    expect(sumOf(of('scheduler'), 'samaconso_scheduled_job_duration_seconds_count')).toBeGreaterThan(5)
  })

  it('the monitor tells workers and queues', () => {
    expect(sumOf(of('monitor'), 'samaconso_workers', { state: 'running' })).toBe(2)
    for (const queue of ['urgent', 'high_priority', 'normal', 'low_priority'])
      expect([queue, sumOf(of('monitor'), 'samaconso_queue_slots', { queue })]).toEqual([queue, 4])
  })
})
