// Tasks through RabbitMQ by the product's own broker, relay and worker, and by the client alone.
import { type Channel, Connection } from 'rabbitmq-client'
import { Type } from 'typebox'
import { openDatabase } from '../../src/db/index.ts'
import { newId } from '../../src/lib/id.ts'
import {
  defineTask,
  enqueue,
  Handlers,
  type Outgoing,
  rabbitMqBroker,
  startRelay,
  startWorker,
} from '../../src/tasks/index.ts'
import { answerParent } from '../lib/child.ts'

export interface TasksData {
  url: string
  databaseUrl: string
}

export interface TasksJob {
  kind: 'publish' | 'through'
  who: 'ours' | 'bare'
  count: number
}

const WINDOW = 1_000
const BATCH = 500
const SLOTS = 100
const PREFIX = 'bench'
const QUEUE = `${PREFIX}.normal`
const task = defineTask({
  name: 'bench.nothing',
  payload: Type.Object({ deliveryId: Type.String() }),
  queue: 'normal',
  attempts: 3,
})

const fail = (error: unknown) => {
  throw error
}

answerParent(async ({ url, databaseUrl }: TasksData) => {
  const broker = rabbitMqBroker({ url, name: 'bench', prefix: PREFIX, window: WINDOW, onError: fail })
  const db = openDatabase({ url: databaseUrl, pool: 8 })
  const rabbit = new Connection({ url, noDelay: true })
  const bare = await rabbit.acquire()
  await bare.confirmSelect()
  await until(() => broker.state() === 'ok')

  const messages = (count: number): Outgoing[] =>
    Array.from({ length: count }, () => ({
      id: newId(),
      task: task.name,
      queue: 'normal',
      payload: { deliveryId: newId() },
      attempt: 1,
      requestId: null,
      delayMs: 0,
    }))

  const jobs: Record<`${TasksJob['kind']} ${TasksJob['who']}`, (count: number) => Promise<void>> = {
    // As many calls at a time as fill the window.
    async 'publish ours'(count) {
      const all = messages(count)
      const publish = async () => {
        while (all.length > 0) await broker.publish(all.splice(0, BATCH))
      }
      await Promise.all(Array.from({ length: (2 * WINDOW) / BATCH }, publish))
    },
    'publish bare': count => publishBare(bare, messages(count)),
    async 'through ours'(count) {
      let done = 0
      const handlers = new Handlers()
      handlers.on(task, async () => void done++)
      const worker = await startWorker(handlers, {
        name: 'bench',
        broker,
        queues: { normal: SLOTS },
        onEvent: () => undefined,
      })
      const relay = startRelay({ db, broker, onError: fail })
      const payloads = messages(count).map(({ payload }) => payload as { deliveryId: string })
      while (payloads.length > 0) {
        await db.tx(async tx => {
          await enqueue(tx, task, payloads.splice(0, 2 * BATCH))
          tx.afterCommit(relay.wake)
        })
      }
      await until(() => done >= count)
      await Promise.all([relay.stop(), worker.stop()])
    },
    async 'through bare'(count) {
      let done = 0
      const consumer = rabbit.createConsumer(
        { queue: QUEUE, queueOptions: { passive: true }, qos: { prefetchCount: SLOTS } },
        async () => void done++,
      )
      await publishBare(bare, messages(count))
      await until(() => done >= count)
      await consumer.close()
    },
  }

  return {
    ready: {},
    /** Tasks per second. */
    async answer({ kind, who, count }: TasksJob): Promise<number> {
      const startedAt = performance.now()
      await jobs[`${kind} ${who}`](count)
      const rate = (count * 1_000) / (performance.now() - startedAt)
      if (kind === 'publish') await rabbit.queuePurge(QUEUE)
      return rate
    },
    async stop() {
      await bare.close()
      await Promise.all([broker.close(), rabbit.close(), db.close()])
    },
  }
})

/** The client alone, the window always full, with messages of the same bytes. */
async function publishBare(channel: Channel, all: Outgoing[]): Promise<void> {
  const lane = async () => {
    for (let message = all.pop(); message; message = all.pop()) {
      await channel.basicPublish(
        {
          routingKey: QUEUE,
          durable: true,
          mandatory: true,
          messageId: message.id,
          type: message.task,
          headers: { attempt: message.attempt },
        },
        message.payload,
      )
    }
  }
  await Promise.all(Array.from({ length: WINDOW }, lane))
}

async function until(check: () => boolean): Promise<void> {
  for (const giveUpAt = performance.now() + 60_000; !check(); ) {
    if (performance.now() > giveUpAt) throw new Error('waited a minute in vain')
    await new Promise(done => setTimeout(done, 5))
  }
}
