import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { App } from '../../http/fastify.ts'
import { Cursor, Id, Strict } from '../../http/schemas.ts'
import { decodeCursor, encodeCursor, UUID } from '../../lib/cursor.ts'
import { Problem } from '../../lib/problems.ts'
import { recordAs } from '../../modules/audit/index.ts'
import { persistRevocations } from '../../tasks/index.ts'
import { Retried, RetriedAll, Revoked, RevokedAll } from '../answers/tasks.ts'
import { conflict, type Desk } from '../desk.ts'
import { countResendable, readAttempts, readRevoked, readWaiting } from '../history-sql.ts'
import { MOST_AT_ONCE, resend } from '../resend.ts'
import { endedStates, filterFields, matches, type TaskQuery } from './tasks.ts'

const Params = Type.Object({ id: Id })
const Nothing = Strict({})
const byFilter = {
  ...filterFields,
  dryRun: Type.Optional(Type.Boolean({ default: true, description: 'Only count; false does it' })),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MOST_AT_ONCE,
      default: MOST_AT_ONCE,
      description: 'Tasks that one call touches: whoever repeats it while there are more sees how far it is',
    }),
  ),
}
const RevokeByFilter = Strict(byFilter)
const RetryByFilter = Strict({ ...byFilter, cursor: Type.Optional(Cursor) })

/** What an operator does to tasks, one by one or by filter. Each is in the audit log. */
export function taskCommandRoutes(app: App, desk: Desk): void {
  const { floor } = desk

  for (const command of ['revoke', 'terminate'] as const) {
    app.post(
      `/api/tasks/:id/${command}`,
      { schema: { params: Params, body: Nothing, response: { 200: Revoked } } },
      async request => {
        const id = request.params.id.toLowerCase()
        await refuse(desk, request, command, [id])
        const { replies, silent } = await desk.tellAll(command, [id])
        const terminated = [...replies.values()].some(({ result }) => namesTerminated(result, id))
        return {
          id,
          revoked: true,
          ...(command === 'terminate' ? { terminated } : {}),
          workers: [...replies.keys()].sort(),
          // They learn of it from PostgreSQL within half a minute.
          silent,
        }
      },
    )
  }

  app.post(
    '/api/tasks/:id/retry',
    { schema: { params: Params, body: Nothing, response: { 200: Retried } } },
    async request => {
      const id = request.params.id.toLowerCase()
      if (floor.task(id)?.finishedAt === null) throw conflict('the task is under way')
      const { resent, missing } = await resend(desk, request, { taskIds: [id] })
      if (resent.length > 0) return { id, retried: true }
      if (missing.length > 0) throw conflict(NOT_SHOWN)
      return retryUnrecorded(desk, request, id)
    },
  )

  app.post(
    '/api/tasks/retry',
    { schema: { body: RetryByFilter, response: { 200: RetriedAll } } },
    async request => {
      const { dryRun = true, limit = MOST_AT_ONCE, cursor, ...query } = request.body
      refuseEmpty(query)
      const states = endedStates(query)
      const nothing = { dryRun, matched: 0, retried: 0, missing: 0, more: false, nextCursor: null }
      if (states === undefined) return nothing
      const [after] = cursor === undefined ? [undefined] : decodeCursor(cursor, UUID)
      const filter = { ...query, state: states === 'all' ? undefined : states }
      if (dryRun) return { ...nothing, ...counted(await countResendable(desk.db, filter, MOST_COUNTED + 1)) }
      const { matched, resent, missing, next } = await resend(desk, request, { ...filter, after }, limit)
      return {
        dryRun,
        matched,
        retried: resent.length,
        missing: missing.length,
        more: next !== null,
        nextCursor: next && encodeCursor(next),
      }
    },
  )

  app.post(
    '/api/tasks/revoke',
    { schema: { body: RevokeByFilter, response: { 200: RevokedAll } } },
    async request => {
      const { dryRun = true, limit = MOST_AT_ONCE, ...query } = request.body
      refuseEmpty(query)
      const found = await revocable(desk, query)
      if (dryRun) return { dryRun, ...counted(found.length), revoked: 0 }
      const ids = found.slice(0, limit)
      const more = found.length > limit
      if (ids.length === 0) return { dryRun, matched: 0, revoked: 0, more }
      await refuse(desk, request, 'revoke', ids)
      const { silent } = await desk.tellAll('revoke', ids)
      return { dryRun, matched: ids.length, revoked: ids.length, more, silent }
    },
  )
}

/** Remembered before anybody is told: a worker that hears nothing, or starts later, learns of it. */
async function refuse(
  { db, operator }: Desk,
  request: FastifyRequest,
  command: 'revoke' | 'terminate',
  ids: readonly string[],
): Promise<void> {
  await db.tx(async tx => {
    await recordAs(tx, { id: null, role: operator, requestId: request.id }, [
      {
        action: `task.${command}`,
        objectKind: 'task',
        objectId: ids.length === 1 ? ids[0] : undefined,
        detail: { ids },
      },
    ])
    await persistRevocations(tx, ids, operator)
  })
}

const namesTerminated = (result: unknown, id: string): boolean =>
  ((result as { terminated?: string[] } | null)?.terminated ?? []).includes(id)

const NOT_SHOWN =
  'its message is not among the oldest that are put aside in its queue, or somebody looks at it in this moment: nothing was sent'

/** A task that the history does not offer: parked without a row there, or in a state in which nothing is sent again. */
async function retryUnrecorded(desk: Desk, request: FastifyRequest, id: string) {
  const last = (await readAttempts(desk.db, id)).at(-1)
  if (last?.resentAt) throw conflict('the task was sent again already')
  if (last?.discardedAt) throw conflict('what was put aside of the task was discarded')
  if (last) throw conflict(`the task is ${last.state}: only one that was put aside or revoked is sent again`)
  const isParked = (await desk.broker.parked()).some(({ message }) => message.id === id)
  if (!isParked) throw new Problem('not_found')
  await desk.record(request, { action: 'task.retry', objectKind: 'task', objectId: id })
  const replayed = await desk.broker.replay([id])
  if (replayed.length === 0) throw conflict(NOT_SHOWN)
  return { id, retried: true }
}

/** Tasks that a revocation can still stop: those that wait for another attempt, and those under way, which get none; once. */
async function revocable(desk: Desk, query: TaskQuery): Promise<string[]> {
  const ids = new Set(
    desk.floor
      .started()
      .filter(task => matches(query, task))
      .map(task => task.id),
  )
  const states = endedStates(query)
  if (states === 'all' || states?.includes('retried')) {
    for (const { taskId } of await readWaiting(desk.db, query as object, MOST_COUNTED + 1)) ids.add(taskId)
  }
  // Ids of ours alone: those of others cannot be remembered.
  const own = [...ids].filter(id => UUID.test(id))
  const revoked = await readRevoked(desk.db, own)
  return own.filter(id => !revoked.has(id))
}

/** Tasks that are counted at most. */
const MOST_COUNTED = 10_000

const counted = (found: number) => ({ matched: Math.min(found, MOST_COUNTED), more: found > MOST_COUNTED })

function refuseEmpty(query: object): void {
  if (Object.keys(query).length > 0) return
  throw new Problem('invalid', {
    errors: [
      { field: 'body', message: 'must name at least one of state, queue, name, worker, from, to, search' },
    ],
  })
}
