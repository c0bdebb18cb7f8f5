import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../test/harness.ts'
import { newId } from '../lib/id.ts'
import {
  type Broker,
  type Consumer,
  DELAYS_MS,
  LONGEST_DELAY_MS,
  type Message,
  type Outgoing,
  PublishError,
  type Queue,
} from './types.ts'

const TRACE_PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

const message = (queue: Queue, n: number, delayMs = 0): Outgoing => ({
  id: newId(),
  task: 'test.task',
  queue,
  payload: { n },
  attempt: 1,
  requestId: null,
  delayMs,
})

const many = (queue: Queue, count: number): Outgoing[] =>
  Array.from({ length: count }, (_, n) => message(queue, n))

/** Opens a broker without any messages, for the contract to close. */
type Open = (options?: { maxLength: number }) => Promise<Broker>

/** What every broker keeps, whichever carries the messages. It promises no order: none is tested. */
export function brokerContract(name: string, open: Open): void {
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

    it('a queue whose consumers are busy does not hold up another one', async () => {
      let finish: () => void = () => undefined
      const busy = new Promise<void>(resolve => {
        finish = resolve
      })
      let urgent = 0
      await consume('low_priority', 1, () => busy)
      await consume('urgent', 1, async () => void urgent++)
      await broker.publish(many('low_priority', 3))
      await broker.publish([message('urgent', 1)])
      await until('the urgent one', () => urgent === 1)
      finish()
    })

    it('a slow consumer keeps no more than its slots from the quick one beside it', async () => {
      let finish: () => void = () => undefined
      const slow = new Promise<void>(resolve => {
        finish = resolve
      })
      let quick = 0
      await consume('normal', 2, () => slow)
      await consume('normal', 2, async () => void quick++)
      await broker.publish(many('normal', 50))
      await until('the others', () => quick === 48)
      finish()
    })

    it.each([
      { text: 'Coupure à Thiès 🔌', list: [1, null, { deep: true }], big: 2 ** 53 - 1 },
      [],
      'text',
      null,
      false,
    ])('hands over a message as it was given, with when that was: %j', async payload => {
      const sent = {
        ...message('normal', 1),
        payload,
        attempt: 3,
        requestId: 'request-1',
        traceParent: TRACE_PARENT,
      }
      const seen: Message[] = []
      await consume('normal', 1, async received => void seen.push(received))
      const before = Date.now()
      await broker.publish([sent])
      const after = Date.now()
      await until('the message', () => seen.length === 1)
      const { delayMs: _, ...expected } = sent
      expect(seen).toEqual([{ ...expected, publishedAt: expect.any(Number) }])
      expect(seen[0]?.publishedAt).toBeGreaterThanOrEqual(before)
      expect(seen[0]?.publishedAt).toBeLessThanOrEqual(after)
    })

    it('has nothing to do for nothing', async () => {
      await broker.publish([])
      expect(await broker.replay()).toEqual([])
      expect(await broker.discard(['unknown'])).toEqual([])
      expect(await broker.parked()).toEqual([])
    })

    it('refuses what a queue has no room for, leaves the others alone, and takes again when there is room', async () => {
      await broker.close()
      broker = await open({ maxLength: 10 })
      const taken: string[] = []
      let refused: unknown
      // A broker may notice a little late that a queue is full.
      while (!refused && taken.length < 20) {
        const one = message('normal', 1)
        await broker.publish([one]).then(
          () => taken.push(one.id),
          error => {
            refused = error
          },
        )
      }
      expect(refused).toBeInstanceOf(PublishError)
      expect((refused as Error).message).toMatch(/normal.* full/)
      expect(taken.length).toBeGreaterThanOrEqual(10)
      await broker.publish(many('urgent', 5))
      const seen: string[] = []
      await consume('normal', 1, async ({ id }) => void seen.push(id))
      await until('what was taken', () => taken.every(id => seen.includes(id)))
      await until('room', () =>
        broker.publish([message('normal', 99)]).then(
          () => true,
          () => false,
        ),
      )
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

    it('holds each of several back for its own delay at least', async () => {
      const late: number[] = []
      const published = Date.now()
      await consume('urgent', 4, async ({ payload }) => {
        late.push(Date.now() - published - (payload as { n: number }).n)
      })
      await broker.publish([900, 300, 600, 1].map(ms => message('urgent', ms, ms)))
      await until('all', () => late.length === 4)
      expect(Math.min(...late)).toBeGreaterThanOrEqual(-10)
    })

    it('shows what waits beside what is ready and what is parked, queue by queue', async () => {
      await broker.publish([message('normal', 1, 10_000), message('urgent', 2, DELAYS_MS[3])])
      await broker.publish([message('urgent', 3)])
      await broker.park(message('low_priority', 4), 'why')
      const nothing = { ready: 0, unacknowledged: 0, delayed: 0, parked: 0 }
      await until('all four', async () => {
        const depths = await broker.depths()
        return depths.reduce((sum, { ready, delayed, parked }) => sum + ready + delayed + parked, 0) === 4
      })
      expect(await broker.depths()).toEqual([
        { queue: 'urgent', ...nothing, ready: 1, delayed: 1 },
        { queue: 'high_priority', ...nothing },
        { queue: 'normal', ...nothing, delayed: 1 },
        { queue: 'low_priority', ...nothing, parked: 1 },
      ])
    })

    it('refuses to wait longer than the longest', async () => {
      await expect(broker.publish([message('normal', 1, LONGEST_DELAY_MS + 1)])).rejects.toThrow(RangeError)
    })

    it('replays what was parked, from its first attempt, and says so', async () => {
      const replayed: Message[] = []
      const { delayMs: _, ...parked } = { ...message('normal', 1), attempt: 4, at: 1_000, publishedAt: 1_000 }
      await broker.park(parked, 'a reason')
      const before = Date.now()
      await consume('normal', 1, async message => void replayed.push(message))
      expect(await broker.replay()).toEqual([parked.id])
      await until('the replay', () => replayed.length === 1)
      expect(replayed[0]).toMatchObject({ id: parked.id, attempt: 1, replayOf: parked.id })
      expect(replayed[0]?.at).toBeGreaterThanOrEqual(before)
      expect(replayed[0]?.publishedAt).toBeGreaterThanOrEqual(before)
      expect(await broker.parked()).toEqual([])
    })

    it('lists what was parked with its reason and time, and listing changes nothing', async () => {
      const before = Date.now()
      const messages = [message('normal', 1), message('urgent', 2), message('normal', 3)]
      for (const [i, one] of messages.entries()) await broker.park({ ...one, attempt: 2 }, `reason ${i}`)
      for (let time = 0; time < 8; time++) {
        const parked = await broker.parked()
        expect(parked.map(entry => entry.reason).sort()).toEqual(['reason 0', 'reason 1', 'reason 2'])
        expect(parked.map(entry => entry.message.queue).sort()).toEqual(['normal', 'normal', 'urgent'])
        expect(parked.every(({ at, message: { attempt } }) => at >= before && attempt === 2)).toBe(true)
      }
    })

    it('replays and discards by id, and leaves the others parked', async () => {
      const [one, two, three] = [message('normal', 1), message('normal', 2), message('urgent', 3)]
      for (const each of [one, two, three]) await broker.park(each, 'why')
      const seen: string[] = []
      await consume('normal', 1, async ({ id }) => void seen.push(id))
      expect(await broker.replay([two.id, 'unknown'])).toEqual([two.id])
      await until('the replay', () => seen.length === 1)
      expect(seen).toEqual([two.id])
      expect(await broker.discard([three.id])).toEqual([three.id])
      expect((await broker.parked()).map(entry => entry.message.id)).toEqual([one.id])
    })

    it('removes what it replayed, however many, also when the same is put aside again meanwhile', async () => {
      const messages = many('normal', 120)
      for (const one of messages) await broker.park(one, 'why')
      const ids = messages.map(({ id }) => id)
      let again = 0
      await consume('normal', 4, async one => {
        await broker.park(one, 'why again')
        again++
      })
      for (const some of [ids.slice(0, 50), ids.slice(50, 100), ids.slice(100)]) {
        expect([...(await broker.replay(some))].sort()).toEqual([...some].sort())
      }
      await until('all to be put aside again', () => again === 120)
      await until('each of them once', async () => (await broker.parked()).length === 120)
      const parked = await broker.parked()
      expect(new Set(parked.map(({ message }) => message.id)).size).toBe(120)
      expect(parked.every(({ reason }) => reason === 'why again')).toBe(true)
    })

    it('lets a consumer be stopped twice, both waiting for what it holds', async () => {
      let begun = false
      let finished = 0
      const consumer = await consume('normal', 1, async () => {
        begun = true
        await new Promise(resolve => setTimeout(resolve, 200))
        finished++
      })
      await broker.publish([message('normal', 1)])
      await until('work under way', () => begun)
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

    it('may be closed twice; then it is down and takes nothing', async () => {
      expect(broker.state()).toBe('ok')
      await Promise.all([broker.close(), broker.close()])
      await broker.close()
      expect(broker.state()).toBe('down')
      await expect(broker.publish([message('normal', 1)])).rejects.toThrow('closed')
    })
  })
}
