import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../test/harness.ts'
import { type RunningRabbitMq, startRabbitMq } from '../../../test/servers/rabbitmq.ts'
import { newId } from '../../lib/id.ts'
import { type Broker, type Outgoing, PublishError } from '../types.ts'
import { type RabbitMqOptions, rabbitMqBroker } from './index.ts'

const DYING = fileURLToPath(new URL('../../../test/dying-consumer.ts', import.meta.url))
/** A server that starts on a busy machine. */
const LONG = 180_000

let folder: string
let server: RunningRabbitMq
let prefix: string
let brokers: Broker[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-rabbitmq-'))
  server = await startRabbitMq({ folder: join(folder, '0') })
}, LONG)
afterAll(async () => {
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(() => {
  prefix = `test-${randomBytes(4).toString('hex')}`
  brokers = []
})
afterEach(async () => {
  await Promise.all(brokers.map(broker => broker.close()))
})

async function open(options: Partial<RabbitMqOptions> = {}): Promise<Broker> {
  const broker = rabbitMqBroker({
    url: server.url,
    name: 'test',
    prefix,
    onError: () => undefined,
    ...options,
  })
  brokers.push(broker)
  await until('the broker', () => broker.state() === 'ok')
  return broker
}

const message = (payload: unknown): Outgoing => ({
  id: newId(),
  task: 'test.task',
  queue: 'normal',
  payload,
  attempt: 1,
  requestId: null,
  delayMs: 0,
})

/** Every thread of a process. */
async function isHalted(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`)
  const states = await Promise.all(
    threads.map(thread => readFile(`/proc/${pid}/task/${thread}/status`, 'utf8')),
  )
  return states.every(status => /^State:\tT/m.test(status))
}

const works = (broker: Broker) =>
  broker.publish([message('again')]).then(
    () => true,
    () => false,
  )

/** Publishes without pause until it is told to stop; knows what was confirmed. */
function publishing(broker: Broker) {
  const confirmed = new Set<string>()
  let goesOn = true
  const ended = (async () => {
    while (goesOn) {
      const batch = Array.from({ length: 20 }, (_, n) => message(n))
      await broker.publish(batch).then(
        () => {
          for (const { id } of batch) confirmed.add(id)
        },
        async (error: unknown) => {
          if (!(error instanceof PublishError)) throw error
          for (const id of error.taken) confirmed.add(id)
          await new Promise(done => setTimeout(done, 50))
        },
      )
    }
  })()
  return {
    confirmed,
    async stop() {
      goesOn = false
      await ended
    },
  }
}

async function connections(): Promise<number> {
  const { username, password, origin, pathname } = new URL(server.managementUrl)
  const response = await fetch(`${origin}${pathname}/connections`, {
    headers: { authorization: `Basic ${btoa(`${username}:${password}`)}` },
  })
  return ((await response.json()) as unknown[]).length
}

describe('RabbitMQ that is killed', () => {
  it(
    'in the middle of everything, loses nothing that it confirmed, and all goes on by itself',
    async () => {
      const broker = await open()
      const seen = new Set<string>()
      await broker.consume('normal', 4, async ({ id }) => void seen.add(id))
      const publisher = publishing(broker)
      await until('work', () => seen.size > 200)
      server.signal('SIGKILL')
      await server.exited
      await until('the loss', () => broker.state() === 'down')
      const before = publisher.confirmed.size
      server = await startRabbitMq({ folder: join(folder, '0'), ports: server.ports })
      await until('more confirmations', () => publisher.confirmed.size > before + 200, 60_000)
      await publisher.stop()
      await until('all that was confirmed', () => publisher.confirmed.isSubsetOf(seen), 30_000)
      expect(broker.state()).toBe('ok')
      await until('nothing left', async () =>
        (await broker.depths()).every(({ ready, unacknowledged }) => ready + unacknowledged === 0),
      )
      // Two of each broker, however often they were lost.
      await until('two connections', async () => (await connections()) === 2, 30_000)
    },
    LONG,
  )

  it(
    'and comes back empty, gets its queues again, and all goes on by itself',
    async () => {
      const broker = await open()
      const seen: string[] = []
      await broker.consume('normal', 4, async ({ id }) => void seen.push(id))
      await broker.publish([message(1)])
      await until('the first', () => seen.length === 1)
      server.signal('SIGKILL')
      await server.exited
      server = await startRabbitMq({ folder: join(folder, '1'), ports: server.ports })
      await until('a publication', () => works(broker), 60_000)
      await until('its consumption', () => seen.length >= 2, 30_000)
      await broker.publish([{ ...message(2), delayMs: 1 }])
      await until('what waited', () => seen.length >= 3, 30_000)
      await broker.park(message(3), 'why')
      await until('what is parked', async () => (await broker.parked()).length === 1)
    },
    LONG,
  )
})

describe('RabbitMQ that takes nothing', () => {
  it(
    'for want of memory, refuses publications in time while consumers finish, and takes them again',
    async () => {
      const broker = await open({ publishMs: 2_000 })
      await broker.publish(Array.from({ length: 20 }, (_, n) => message(n)))
      await server.control('set_vm_memory_high_watermark', '0.00001')
      try {
        await until('refusals', async () => !(await works(broker)), 30_000)
        const startedAt = performance.now()
        await expect(broker.publish([message('refused')])).rejects.toThrow('takes no messages')
        expect(performance.now() - startedAt).toBeLessThan(4_000)
        expect(broker.state()).toBe('down')
        let seen = 0
        await broker.consume('normal', 4, async () => void seen++)
        await until('what was there', () => seen >= 20)
        await until('its acknowledgement', async () =>
          (await broker.depths()).every(({ ready, unacknowledged }) => ready + unacknowledged === 0),
        )
      } finally {
        await server.control('set_vm_memory_high_watermark', '0.4')
      }
      await until('publications', () => works(broker), 30_000)
      expect(broker.state()).toBe('ok')
    },
    LONG,
  )

  it(
    'because it hangs, costs no longer than the bound, and then nothing until it is back',
    async () => {
      const broker = await open({ publishMs: 1_000 })
      server.signal('SIGSTOP')
      // Its threads do not halt at the same moment.
      await until('the halt', () => isHalted(server.pid))
      try {
        const startedAt = performance.now()
        await expect(broker.publish([message(1)])).rejects.toThrow('did not confirm within 1000 ms')
        expect(broker.state()).toBe('down')
        for (let time = 0; time < 10; time++) {
          await expect(broker.publish([message(time)])).rejects.toThrow(PublishError)
        }
        expect(performance.now() - startedAt).toBeLessThan(5_000)
      } finally {
        server.signal('SIGCONT')
      }
      await until('publications', () => works(broker), 30_000)
    },
    LONG,
  )

  it(
    'because it is away at first, costs no longer than the bound; a consumer begins when it is there',
    async () => {
      const ports = server.ports
      await server.stop()
      const broker = rabbitMqBroker({
        url: server.url,
        name: 'test',
        prefix,
        publishMs: 500,
        onError: () => undefined,
      })
      brokers.push(broker)
      const startedAt = performance.now()
      await expect(broker.publish([message(1)])).rejects.toThrow(PublishError)
      expect(performance.now() - startedAt).toBeLessThan(3_000)
      expect(broker.state()).toBe('down')
      let seen = 0
      const consumer = await broker.consume('normal', 1, async () => void seen++)
      server = await startRabbitMq({ folder: join(folder, '1'), ports })
      await until('a publication', () => works(broker), 60_000)
      await until('its consumption', () => seen === 1, 30_000)
      await consumer.stop()
    },
    LONG,
  )
})

describe('a queue that somebody deletes', () => {
  it('comes back at the next publication, which is refused rather than lost', async () => {
    const broker = await open()
    let seen = 0
    await broker.consume('normal', 1, async () => void seen++)
    await server.control('delete_queue', `${prefix}.normal`)
    await until('a publication', () => works(broker), 20_000)
    await until('its consumption', () => seen >= 1, 20_000)
    await server.control('delete_queue', `${prefix}.urgent`)
    const lost = broker.publish([{ ...message(1), queue: 'urgent' }])
    await expect(lost).rejects.toThrow(`There is no queue ${prefix}.urgent`)
    await until('the queue', async () =>
      broker.publish([{ ...message(1), queue: 'urgent' }]).then(
        () => true,
        () => false,
      ),
    )
  }, 60_000)
})

describe('a message that kills its process', () => {
  /** Starts consumers one after the other until the message is parked; gives what they did, and how many they were. */
  async function untilParked(broker: Broker): Promise<{ done: string[]; processes: number }> {
    let done = ''
    for (let processes = 1; processes <= 10; processes++) {
      // Random numbers that choose the first of all, then the last of all.
      const random = processes % 2 === 0 ? '0.999' : '0'
      const child = spawn(process.execPath, [DYING, server.url, prefix, random], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      child.stdout.on('data', chunk => {
        done += chunk
      })
      const ended = new Promise<true>(resolve => child.once('close', () => resolve(true)))
      const parked = until('the end or parking', async () => (await broker.parked()).length > 0, 30_000)
      await Promise.race([ended, parked])
      child.kill('SIGKILL')
      await ended
      if ((await broker.parked()).length > 0) return { done: done.trim().split('\n'), processes }
    }
    throw new Error('The message was never parked.')
  }

  it.each([{ deadlyAfterMs: 300 }, { deadlyAfterMs: 0 }])(
    'is parked, and those beside it are done: %j',
    async deadly => {
      const broker = await open()
      await broker.publish([message(deadly), ...['a', 'b', 'c'].map(name => message({ name }))])
      const { done, processes } = await untilParked(broker)
      expect(await broker.parked()).toMatchObject([
        { message: { payload: deadly }, reason: 'delivery_limit' },
      ])
      expect(new Set(done)).toEqual(new Set(['a', 'b', 'c']))
      // Six take it; a seventh may have been needed to see that it is parked.
      expect(processes).toBeGreaterThanOrEqual(6)
      expect(processes).toBeLessThanOrEqual(7)
    },
    LONG,
  )
})

describe('two processes side by side', () => {
  it('share the work, and one takes over what the other held when it died', async () => {
    const [one, two] = await Promise.all([open(), open()])
    const seen: string[] = []
    let gone: (() => void) | undefined
    await one.consume('normal', 5, async ({ id }) => {
      if (gone) await new Promise(() => undefined)
      seen.push(id)
    })
    await two.consume('normal', 5, async ({ id }) => void seen.push(id))
    await Promise.all([
      one.publish(Array.from({ length: 200 }, (_, n) => message(n))),
      two.publish(Array.from({ length: 200 }, (_, n) => message(n))),
    ])
    await until('all', () => seen.length === 400)
    expect(new Set(seen).size).toBe(400)
    gone = () => undefined
    await two.publish(Array.from({ length: 50 }, (_, n) => message(n)))
    await until('those of the second', () => seen.length >= 445)
    await one.close()
    await until('those of the first', () => new Set(seen).size === 450)
  })
})
