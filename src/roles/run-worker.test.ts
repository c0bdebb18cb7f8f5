import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestServices, testServices, until } from '../../test/harness.ts'
import { inProcessBroker, openRemote } from '../tasks/index.ts'
import { EXIT_STUCK, parseWorkerArgs, runWorker } from './run-worker.ts'

const defaults = { workerSlots: 4, instance: 'samaconso_worker_1' }

describe('the command line of a worker', () => {
  it('chooses queues, concurrency and name', () => {
    expect(
      parseWorkerArgs(['--queues', 'urgent,high_priority', '--concurrency', '8', '--name', 'w2'], defaults),
    ).toEqual({
      name: 'w2',
      queues: { urgent: 8, high_priority: 8 },
    })
    expect(parseWorkerArgs([], defaults)).toEqual({
      name: 'samaconso_worker_1',
      queues: { urgent: 4, high_priority: 4, normal: 4, low_priority: 4 },
    })
  })

  it.each([
    [['--queues', 'urgent,other']],
    [['--queues', '']],
    [['--concurrency', '0']],
    [['--concurrency', '65']],
    [['--concurrency', '1e1']],
    [['--name', 'a b']],
    [['--nmae', 'x']],
    [['urgent']],
  ])('is refused when it says something else: %j', args => {
    expect(() => parseWorkerArgs(args, defaults)).toThrow(expect.objectContaining({ name: 'StartError' }))
  })
})

describe('a worker as a process', () => {
  let services: TestServices
  beforeAll(async () => {
    services = await testServices()
  })
  afterAll(() => services.close())

  async function start(env: Partial<TestServices> = {}) {
    const broker = inProcessBroker()
    const stop = new AbortController()
    const given = { ...services, ...env }
    const code = runWorker(parseWorkerArgs(['--name', 'w', '--concurrency', '2'], defaults), {
      services: given,
      broker,
      version: '1',
      signal: stop.signal,
    })
    await until(
      'it',
      async () => (await openRemote(given.fanout).ask('ping', {}, { to: ['w'] }, 100)).replies.size === 1,
    )
    return { broker, stop, code }
  }

  it('ends with 0 when it is told to', async () => {
    const { stop, code } = await start()
    stop.abort()
    expect(await code).toBe(0)
  })

  it('ends with 0 when the monitor shuts it down', async () => {
    const { code } = await start()
    await openRemote(services.fanout).ask('shutdown', {}, { to: ['w'] })
    expect(await code).toBe(0)
  })

  it('ends with a code of its own, for its supervisor, when a task is stuck', async () => {
    const real = services.clock.now
    const { broker, code } = await start({
      // An SMS gateway that never answers, nor obeys.
      sms: { ...services.sms, send: () => new Promise(() => undefined) },
    })
    const id = '019b76da-a800-7c4b-9569-42c482582c28'
    await services.db.query(
      `insert into sms_messages (id, phone, sealed_text, expires_at) values ($1, '+221770000001', $2, now() + interval '1 hour')`,
      [id, services.secrets.seal('Bonjour')],
    )
    await broker.publish([
      {
        id,
        task: 'accounts.send-sms',
        queue: 'urgent',
        payload: { smsId: id },
        attempt: 1,
        requestId: null,
        delayMs: 0,
      },
    ])
    const remote = openRemote(services.fanout)
    await until('its start', async () => {
      const { replies } = await remote.ask('active', {}, { to: ['w'] })
      return (replies.get('w')?.result as unknown[] | undefined)?.length === 1
    })
    const { replies } = await remote.ask('terminate', { ids: [id] }, { to: ['w'] })
    expect(replies.get('w')?.result).toEqual({ terminated: [id] })
    services.clock.now = () => real() + 11_000
    expect(await code).toBe(EXIT_STUCK)
    services.clock.now = real
  })
})
