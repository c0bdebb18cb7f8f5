import { expect, it } from 'vitest'
import { newId } from '../lib/id.ts'
import { brokerContract } from './broker.contract.ts'
import { inProcessBroker } from './in-process.ts'
import type { Outgoing, Queue } from './types.ts'

brokerContract('the in-process broker', async options => inProcessBroker(options))

const many = (queue: Queue, count: number): Outgoing[] =>
  Array.from({ length: count }, () => ({
    id: newId(),
    task: 'test.task',
    queue,
    payload: {},
    attempt: 1,
    requestId: null,
    delayMs: 0,
  }))

it('a full queue refuses, takes nothing of the batch, and leaves the other queues alone', async () => {
  const broker = inProcessBroker()
  await broker.publish(many('low_priority', 99_999))
  await expect(broker.publish([...many('urgent', 1), ...many('low_priority', 2)])).rejects.toThrow(
    'low_priority',
  )
  await broker.publish([...many('urgent', 1), ...many('low_priority', 1)])
  expect(await broker.depths()).toMatchObject([
    { queue: 'urgent', ready: 1 },
    { ready: 0 },
    { ready: 0 },
    { queue: 'low_priority', ready: 100_000 },
  ])
  await broker.close()
})

it('what is parked is bounded: the oldest goes first', async () => {
  const broker = inProcessBroker()
  const messages = many('normal', 10_001)
  for (const message of messages) await broker.park(message, 'why')
  expect((await broker.depths()).find(({ queue }) => queue === 'normal')).toMatchObject({ parked: 10_000 })
  expect((await broker.parked())[0]?.message.id).toBe(messages[1]?.id)
  await broker.close()
})
