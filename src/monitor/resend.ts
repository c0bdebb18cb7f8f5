import type { FastifyRequest } from 'fastify'
import { newId } from '../lib/id.ts'
import { Problem } from '../lib/problems.ts'
import { recordAs } from '../modules/audit/index.ts'
import type { Outgoing, Queue } from '../tasks/index.ts'
import type { Desk } from './desk.ts'
import { type Filter, markResent, type Resendable, takeResendable } from './history-sql.ts'

/** Tasks that one command touches at most: the next call goes on. */
export const MOST_AT_ONCE = 500

export interface Resent {
  matched: number
  resent: string[]
  /** There are more than one command touches. */
  more: boolean
}

/**
 * Sends tasks again whose last attempt was put aside or refused: what the broker still has parked it replays, the rest is
 * published anew under an id of its own that names the old one. Marked, recorded and published in one transaction, so
 * that a task is sent again once and never without a record; the broker confirms before it commits. Nothing is sent in a
 * dry run.
 */
export async function resend(
  desk: Desk,
  request: FastifyRequest,
  filter: Filter & { taskIds?: readonly string[] | undefined },
  isDry: boolean,
): Promise<Resent> {
  const { db, broker } = desk
  const aside = await desk.hear('broker', () => broker.parked())
  if (aside.state === 'down') throw new Problem('unavailable', { retryAfter: 5 })
  const parked = new Set(aside.value.map(({ message }) => message.id))
  return db.tx(async tx => {
    const found = await takeResendable(tx, filter, MOST_AT_ONCE + 1)
    const tasks = found.slice(0, MOST_AT_ONCE)
    const more = found.length > MOST_AT_ONCE
    if (isDry || tasks.length === 0) return { matched: tasks.length, resent: [], more }
    const ids = tasks.map(task => task.taskId)
    await markResent(
      tx,
      tasks.map(task => task.id),
    )
    await recordAs(tx, { id: null, role: desk.operator, requestId: request.id }, [
      { action: 'task.retry', objectKind: 'task', detail: { ids } },
    ])
    const now = desk.clock.now()
    const anew = tasks.filter(task => !parked.has(task.taskId)).map(task => messageOf(task, now))
    if (anew.length > 0) await broker.publish(anew)
    const replayed = ids.filter(id => parked.has(id))
    if (replayed.length > 0) await broker.replay(replayed)
    return { matched: tasks.length, resent: ids, more }
  })
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
