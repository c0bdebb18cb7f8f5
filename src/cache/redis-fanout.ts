import { randomBytes } from 'node:crypto'
import { openListeners, throwLater } from './listeners.ts'
import type { RedisLink } from './redis.ts'
import type { Fanout } from './types.ts'

/**
 * One channel for all topics. A process with 10,000 sockets would else subscribe 10,000 times, again at each return of
 * Redis, and each subscription would begin some time after the socket was told that it listens; what a process
 * hears in vain costs it a look at the topic, and is not parsed.
 */
const CHANNEL = 'sc:fanout'
const MAX_WAITING = 10_000
const GAP = 'gap'

/**
 * Fan-out to every process on the same Redis. The process hears others from its first subscription on. Each message is
 * serialised once where it is published and parsed once where somebody listens. While Redis is away the listeners of
 * this process are told all the same, and everybody hears of a gap afterwards.
 */
export function redisFanout(link: RedisLink, onError: (error: unknown) => void = throwLater): Fanout {
  const self = randomBytes(9).toString('base64url')
  const listeners = openListeners(onError)
  const gaps = openListeners(onError)
  let isHearing = false
  let waiting: string[] = []
  /** Others missed something of ours. */
  let isMissed = false

  function flush(): void {
    const texts = waiting
    waiting = []
    link
      .batch(pipeline => {
        for (const text of texts) pipeline.publish(CHANNEL, text)
      })
      .then(tellGap)
      .catch(() => {
        // The link tells of the trouble; the listeners elsewhere hear of the gap when it is over.
        isMissed = true
        tellGap()
      })
  }

  function tellGap(): void {
    if (!isMissed || !link.isUp()) return
    isMissed = false
    link
      .run(redis => redis.publish(CHANNEL, self + GAP))
      .catch(() => {
        isMissed = true
      })
  }
  link.onUp(tellGap)

  function send(topic: string, message: unknown): void {
    if (!link.isUp() || waiting.length >= MAX_WAITING) {
      isMissed = true
      return
    }
    if (waiting.length === 0) setImmediate(flush)
    waiting.push(`${self}${topic.length}:${topic}${JSON.stringify(message) ?? 'null'}`)
  }

  function receive(text: string): void {
    if (text.startsWith(self)) return
    const head = text.indexOf(':')
    const length = Number(text.slice(self.length, head))
    if (head < 0 || !Number.isInteger(length)) {
      gaps.tell(GAP, undefined)
      return
    }
    const topic = text.slice(head + 1, head + 1 + length)
    if (!listeners.has(topic)) return
    try {
      listeners.tell(topic, JSON.parse(text.slice(head + 1 + length)))
    } catch (error) {
      onError(error)
    }
  }

  function hear(): void {
    if (isHearing) return
    isHearing = true
    link.hear(CHANNEL, receive, () => gaps.tell(GAP, undefined))
  }

  return {
    publish(topic, message) {
      listeners.tell(topic, message)
      send(topic, message)
    },
    subscribe(topic, listener) {
      hear()
      return listeners.add(topic, listener)
    },
    onGap(listener) {
      hear()
      return gaps.add(GAP, listener)
    },
  }
}
