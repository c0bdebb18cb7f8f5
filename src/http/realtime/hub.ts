import { setTimeout as sleep } from 'node:timers/promises'
import type { Fanout } from '../../cache/index.ts'
import type { Connection } from './connection.ts'

/** Sockets told without a pause; thousands in one go would hold up every request meanwhile. */
export const SLICE = 250

/** Which sockets hear which topic: one subscription of the fan-out per topic, however many listen. */
export interface Hub {
  join(connection: Connection, topic: string): void
  leave(connection: Connection, topic: string): void
  leaveAll(connection: Connection): void
  topics(): number
}

/** Opens the hub of a process; `onMessage` gets each message once per topic, with all who listen. */
export function openHub(
  fanout: Fanout,
  onMessage: (message: unknown, listeners: ReadonlySet<Connection>) => void,
): Hub {
  const topics = new Map<string, { listeners: Set<Connection>; stop: () => void }>()

  function leave(connection: Connection, name: string): void {
    const at = connection.topics.indexOf(name)
    if (at === -1) return
    connection.topics.splice(at, 1)
    const topic = topics.get(name)
    if (!topic) return
    topic.listeners.delete(connection)
    if (topic.listeners.size > 0) return
    topic.stop()
    topics.delete(name)
  }

  return {
    join(connection, name) {
      if (connection.topics.includes(name)) return
      connection.topics.push(name)
      const topic = topics.get(name)
      if (topic) {
        topic.listeners.add(connection)
        return
      }
      const listeners = new Set([connection])
      const stop = fanout.subscribe(name, message => onMessage(message, listeners))
      topics.set(name, { listeners, stop })
    },
    leave,
    leaveAll(connection) {
      for (const name of [...connection.topics]) leave(connection, name)
    },
    topics: () => topics.size,
  }
}

/** Does `work` for each, letting the process breathe for `pauseMs` now and then when they are many. Resolves when all had theirs. */
export async function forEachInSlices<Item>(
  items: ReadonlySet<Item>,
  work: (item: Item) => void,
  pauseMs = 0,
): Promise<void> {
  if (items.size <= SLICE) {
    for (const item of items) work(item)
    return
  }
  const all = [...items]
  for (let from = 0; from < all.length; from += SLICE) {
    for (const item of all.slice(from, from + SLICE)) work(item)
    if (from + SLICE < all.length) await (pauseMs > 0 ? sleep(pauseMs) : new Promise(setImmediate))
  }
}
