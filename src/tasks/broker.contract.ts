import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../test/harness.ts'
import { newId } from '../lib/id.ts'
import type { Broker, Consumer, Message, Outgoing, Queue } from './types.ts'

const message = (queue: Queue, n: number, delayMs = 0): Outgoing => ({
  id: newId(),
  task: 'test.task',
  queue,
  payload: { n },
  attempt: 1,
  requestId: null,
  delayMs,
})

/** What every broker keeps, whichever carries the messages. */
export function brokerContract(name: string, open: () => Promise<Broker>): void {
  describe(`${name} as a broker`, () => {
    let broker: Broker
    let consumers: Consumer[]

    beforeEach(async () => {
      broker = await open()
      consumers = []
    })
    afterEach(async () => {
      await Promise.all(consumers.map(consumer => consumer.stop()))
      await broker.close()
    })

    const consume = async (queue: Queue, slots: number, take: (message: Message) => Promise<void>) => {
      const consumer = await broker.consume(queue, slots, take)
      consumers.push(consumer)
      return consumer
    }

    it('hands over every message once, with its payload, when nothing fails', async () => {
      const seen: unknown[] = []
      await consume('normal', 4, async ({ payload }) => void seen.push((payload as { n: number }).n))
      await broker.publish(Array.from({ length: 500 }, (_, n) => message('normal', n)))
      await until('500 messages', () => seen.length >= 500)
      expect(new Set(seen).size).toBe(500)
      expect(seen).toHaveLength(500)
    })

    it('keeps messages that were published before anybody consumed', async () => {
      await broker.publish([message('low_priority', 1)])
      let seen = 0
      await consume('low_priority', 1, async () => void seen++)
      await until('the message', () => seen === 1)
    })

    it('never hands out more than the slots at a time', async () => {
      let busy = 0
      let most = 0
      let done = 0
      await consume('high_priority', 3, async () => {
        most = Math.max(most, ++busy)
        await new Promise(resolve => setTimeout(resolve, 5))
        busy--
        done++
      })
      await broker.publish(Array.from({ length: 30 }, (_, n) => message('high_priority', n)))
      await until('30 messages', () => done === 30)
      expect(most).toBe(3)
    })

    it('a full queue does not hold up another one', async () => {
      let urgent = 0
      await consume('low_priority', 1, () => new Promise(resolve => setTimeout(resolve, 200)))
      await consume('urgent', 1, async () => void urgent++)
      await broker.publish(Array.from({ length: 3 }, (_, n) => message('low_priority', n)))
      await broker.publish([message('urgent', 1)])
      await until('the urgent one', () => urgent === 1, 150)
    })

    it('gives a message again when its taker rejects', async () => {
      let tries = 0
      await consume('normal', 1, async () => {
        if (++tries < 3) throw new Error('not yet')
      })
      await broker.publish([message('normal', 1)])
      await until('the third try', () => tries === 3)
    })

    it('parks a message that is rejected for ever instead of looping, and the healthy one beside it passes', async () => {
      let healthy = 0
      await consume('normal', 2, async ({ payload }) => {
        if ((payload as { n: number }).n === 666) throw new Error('poison')
        healthy++
      })
      await broker.publish([message('normal', 666), message('normal', 1)])
      await until('parking', async () => (await broker.parked()).length === 1)
      expect((await broker.parked())[0]).toMatchObject({
        message: { payload: { n: 666 } },
        reason: 'delivery_limit',
      })
      expect(healthy).toBe(1)
    })

    it('holds a delayed message back for its delay', async () => {
      let at = 0
      await consume('normal', 1, async () => {
        at = Date.now()
      })
      const published = Date.now()
      await broker.publish([message('normal', 1, 300)])
      await until('the delayed message', () => at > 0)
      expect(at - published).toBeGreaterThanOrEqual(290)
    })

    it('replays what was parked, from its first attempt', async () => {
      const attempts: number[] = []
      await broker.park({ ...message('normal', 1), attempt: 4 }, 'a reason')
      await consume('normal', 1, async ({ attempt }) => void attempts.push(attempt))
      expect(await broker.replay()).toBe(1)
      await until('the replay', () => attempts.length === 1)
      expect(attempts).toEqual([1])
      expect(await broker.parked()).toEqual([])
    })

    it('lets a consumer be stopped twice, both waiting for what it holds', async () => {
      let finished = 0
      const consumer = await consume('normal', 1, async () => {
        await new Promise(resolve => setTimeout(resolve, 50))
        finished++
      })
      await broker.publish([message('normal', 1)])
      await until('work under way', async () =>
        (await broker.depths()).some(depth => depth.unacknowledged > 0),
      )
      await Promise.all([consumer.stop(), consumer.stop()])
      expect(finished).toBe(1)
    })

    it('stops a consumer by finishing what it holds and taking nothing more', async () => {
      let finished = 0
      const consumer = await consume('normal', 1, async () => {
        await new Promise(resolve => setTimeout(resolve, 50))
        finished++
      })
      await broker.publish([message('normal', 1), message('normal', 2)])
      await until('work under way', async () =>
        (await broker.depths()).some(depth => depth.unacknowledged > 0),
      )
      await consumer.stop()
      expect(finished).toBe(1)
      expect((await broker.depths()).find(depth => depth.queue === 'normal')).toMatchObject({ ready: 1 })
    })
  })
}
