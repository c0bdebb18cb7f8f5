import { Compile } from 'typebox/compile'
import type { Fanout } from '../../cache/index.ts'
import { newId } from '../../lib/id.ts'
import { type Args, type Command, REPLIES_TOPIC, REQUESTS_TOPIC, Reply, type Request } from './protocol.ts'

export interface Asked {
  /** By the name of the worker. */
  replies: Map<string, Reply>
  /** Workers that were expected to reply and did not in time. */
  silent: string[]
}

export interface Remote {
  /**
   * Asks workers something and waits for all that are expected to reply, at most `waitMs`. `to` names those who are
   * asked; all hear it when it is null, and `expected` says who is known to be there.
   */
  ask<C extends Command>(
    command: C,
    args: Args<C>,
    whom: { to: readonly string[] } | { to: null; expected: readonly string[] },
    waitMs?: number,
  ): Promise<Asked>
  close(): void
}

const WAIT_MS = 1_000
/** Questions under way at a time. */
const MOST_PENDING = 100

const isReply = Compile(Reply)

/** Remote control of workers over the fan-out. */
export function openRemote(fanout: Fanout): Remote {
  const pending = new Map<string, (reply: Reply) => void>()
  const unsubscribe = fanout.subscribe(REPLIES_TOPIC, message => {
    if (isReply.Check(message)) pending.get(message.id)?.(message)
  })
  return {
    async ask(command, args, whom, waitMs = WAIT_MS) {
      if (pending.size >= MOST_PENDING) throw new Error('Too many questions to workers are under way.')
      const waitedFor = new Set(whom.to ?? whom.expected)
      const replies = new Map<string, Reply>()
      const all = Promise.withResolvers<void>()
      const timer = setTimeout(all.resolve, waitMs)
      const request: Request = { id: newId(), command, to: whom.to ? [...whom.to] : null, args }
      pending.set(request.id, reply => {
        if (replies.size < 1_000) replies.set(reply.worker, reply)
        waitedFor.delete(reply.worker)
        if (waitedFor.size === 0) all.resolve()
      })
      try {
        fanout.publish(REQUESTS_TOPIC, request)
        if (waitedFor.size > 0) await all.promise
      } finally {
        clearTimeout(timer)
        pending.delete(request.id)
      }
      return { replies, silent: [...waitedFor] }
    },
    close: unsubscribe,
  }
}
