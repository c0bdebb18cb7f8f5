import type { FastifyRequest } from 'fastify'
import { newId } from '../lib/id.ts'
import { Problem } from '../lib/problems.ts'
import { recordAs } from '../modules/audit/index.ts'
import type { Outgoing, Queue } from '../tasks/index.ts'
import type { Desk } from './desk.ts'
import { markTasks, type Resendable, type ResendFilter, takeResendable } from './history-sql.ts'

/** Tasks that one command touches at most: the next call goes on. */
export const MOST_AT_ONCE = 500

export interface Resent {
  matched: number
  resent: string[]
  /** Put aside, but the broker did not show their messages: nothing was sent. */
  missing: string[]
  /** There are more than one command touches: they come after this row of the history. */
  next: string | null
}

/**
 * Sends tasks again whose last attempt was put aside or refused. What was put aside is in the broker, which alone knows
 * whether it still is: it replays what it has, and nothing else counts as sent. What was refused is nowhere any more, and
 * is published anew under an id of its own that names the old one. A task is marked and recorded when it was sent, not
 * otherwise; the mark is missing only when the database fails in the moment after the broker confirmed.
 */
export async function resend(
  desk: Desk,
  request: FastifyRequest,
  filter: ResendFilter,
  most = MOST_AT_ONCE,
): Promise<Resent> {
  const { db, broker } = desk
  return db.tx(async tx => {
    const found = await takeResendable(tx, filter, most + 1)
    const tasks = found.slice(0, most)
    const next = found.length > most ? (tasks.at(-1)?.id ?? null) : null
    if (tasks.length === 0) return { matched: 0, resent: [], missing: [], next }
    const aside = tasks.filter(task => task.state === 'parked').map(task => task.taskId)
    const refused = tasks.filter(task => task.state === 'revoked')
    const replayed = aside.length > 0 ? await asked(() => broker.replay(aside)) : []
    const now = desk.clock.now()
    if (refused.length > 0) await asked(() => broker.publish(refused.map(task => messageOf(task, now))))
    const resent = [...replayed, ...refused.map(task => task.taskId)]
    const sent = new Set(resent)
    if (resent.length > 0) {
      const taken = tasks.filter(task => sent.has(task.taskId))
      await markTasks(tx, taken, 'resent')
      await recordAs(tx, { id: null, role: desk.operator, requestId: request.id }, [
        { action: 'task.retry', objectKind: 'task', detail: { ids: resent } },
      ])
    }
    return { matched: tasks.length, resent, missing: aside.filter(id => !sent.has(id)), next }
  })
}

/** What the broker does; when it does not, whoever asked is told that it is away. */
async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new Problem('unavailable', { retryAfter: 5, cause })
  }
}

const messageOf = (task: Resendable, now: number): Outgoing => ({
  id: newId(now),
  task: task.name,
  queue: task.queue as Queue,
  payload: task.payload,
  attempt: 1,
  requestId: task.requestId,
  at: now,
  replayOf: task.taskId,
  delayMs: 0,
})
