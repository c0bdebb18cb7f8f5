import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Connection } from 'rabbitmq-client'
import { afterAll, beforeAll } from 'vitest'
import { until } from '../../../test/harness.ts'
import { type RunningRabbitMq, startRabbitMq } from '../../../test/servers/rabbitmq.ts'
import { brokerContract } from '../broker.contract.ts'
import type { Broker } from '../types.ts'
import { rabbitMqBroker } from './index.ts'
import { topologyOf } from './topology.ts'

let folder: string
let server: RunningRabbitMq | undefined
let url: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-rabbitmq-'))
  const given = process.env.TEST_RABBITMQ_URL
  if (!given) server = await startRabbitMq({ folder })
  url = given || (server as RunningRabbitMq).url
}, 150_000)
afterAll(async () => {
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

brokerContract('RabbitMQ', async ({ maxLength } = { maxLength: 100_000 }) => {
  const prefix = `test-${randomBytes(4).toString('hex')}`
  const broker = rabbitMqBroker({
    url,
    name: 'test',
    prefix,
    maxLength,
    onError: () => undefined,
  })
  await until('the queues', () => broker.state() === 'ok')
  return { ...broker, close: () => broker.close().then(() => deleteQueues(prefix)) } satisfies Broker
})

async function deleteQueues(prefix: string): Promise<void> {
  const rabbit = new Connection(url)
  const channel = await rabbit.acquire()
  for (const { work, waits, parked } of Object.values(topologyOf(prefix, 1).names)) {
    for (const queue of [work, parked, ...waits.map(({ name }) => name)]) await channel.queueDelete(queue)
  }
  await channel.close()
  await rabbit.close()
}
