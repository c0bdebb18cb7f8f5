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
/** Names of queues that tests left. */
async function queuesLeft(): Promise<string[]> {
  if (!server) return []
  const { username, password, origin, pathname } = new URL(server.managementUrl)
  const answer = await fetch(`${origin}${pathname}/queues`, {
    headers: { authorization: `Basic ${btoa(`${username}:${password}`)}` },
  })
  return ((await answer.json()) as { name: string }[]).map(({ name }) => name)
}

afterAll(async () => {
  // It counts what is there once a second.
  await until('every queue to be gone', async () => (await queuesLeft()).length === 0)
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
