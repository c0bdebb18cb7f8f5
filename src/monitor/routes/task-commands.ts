import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { App } from '../../http/fastify.ts'
import { Id, Strict } from '../../http/schemas.ts'
import { Problem } from '../../lib/problems.ts'
import { recordAs } from '../../modules/audit/index.ts'
import { persistRevocations } from '../../tasks/index.ts'
import { conflict, type Desk } from '../desk.ts'
import { readAttempts, readWaiting } from '../history-sql.ts'
import { MOST_AT_ONCE, resend } from '../resend.ts'
import { endedStates, filterFields, matches, type TaskQuery } from './tasks.ts'

const Params = Type.Object({ id: Id })
const Nothing = Strict({})
const ByFilter = Strict({
  ...filterFields,
  dryRun: Type.Optional(Type.Boolean({ default: true, description: 'Only count; false does it' })),
})

/** What an operator does to tasks, one by one or by filter. Each is in the audit log. */
export function taskCommandRoutes(app: App, desk: Desk): void {
  const { floor } = desk

  for (const command of ['revoke', 'terminate'] as const) {
    app.post(`/api/tasks/:id/${command}`, { schema: { params: Params, body: Nothing } }, async request => {
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
    })
  }

  app.post('/api/tasks/:id/retry', { schema: { params: Params, body: Nothing } }, async request => {
    const id = request.params.id.toLowerCase()
    if (floor.task(id)?.finishedAt === null) throw conflict('the task is under way')
    const { resent } = await resend(desk, request, { taskIds: [id] }, false)
    if (resent.length > 0) return { id, retried: true }
    return retryUnrecorded(desk, request, id)
  })

  app.post('/api/tasks/retry', { schema: { body: ByFilter } }, async request => {
    const { dryRun = true, ...query } = request.body
    refuseEmpty(query)
    const states = endedStates(query)
    const filter = { ...query, state: states === 'all' ? undefined : states }
    const { matched, resent, more } =
      states === undefined
        ? { matched: 0, resent: [], more: false }
        : await resend(desk, request, filter, dryRun)
    return { dryRun, matched, retried: resent.length, more }
  })

  app.post('/api/tasks/revoke', { schema: { body: ByFilter } }, async request => {
    const { dryRun = true, ...query } = request.body
    refuseEmpty(query)
    const found = await revocable(desk, query)
    const ids = found.slice(0, MOST_AT_ONCE)
    const more = found.length > MOST_AT_ONCE
    if (dryRun || ids.length === 0) return { dryRun, matched: ids.length, revoked: 0, more }
    await refuse(desk, request, 'revoke', ids)
    const { silent } = await desk.tellAll('revoke', ids)
    return { dryRun, matched: ids.length, revoked: ids.length, more, silent }
  })
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

/** A task that the history does not offer: parked without a row there, or in a state in which nothing is sent again. */
async function retryUnrecorded(desk: Desk, request: FastifyRequest, id: string) {
  const isParked = (await desk.broker.parked()).some(({ message }) => message.id === id)
  if (isParked) {
    await desk.record(request, { action: 'task.retry', objectKind: 'task', objectId: id })
    await desk.broker.replay([id])
    return { id, retried: true }
  }
  const last = (await readAttempts(desk.db, id)).at(-1)
  if (!last) throw new Problem('not_found')
  if (last.resentAt) throw conflict('the task was sent again already')
  throw conflict(`the task is ${last.state}: only one that was put aside or revoked is sent again`)
}

/** Tasks that a revocation can still stop: those that wait for another attempt, and those under way, which get none. */
async function revocable(desk: Desk, query: TaskQuery): Promise<string[]> {
  const ids = new Set(
    desk.floor
      .started()
      .filter(task => matches(query, task))
      .map(task => task.id),
  )
  const states = endedStates(query)
  if (states === 'all' || states?.includes('retried')) {
    for (const id of await readWaiting(desk.db, query as object, MOST_AT_ONCE + 1)) ids.add(id)
  }
  return [...ids]
}

function refuseEmpty(query: object): void {
  if (Object.keys(query).length > 0) return
  throw new Problem('invalid', {
    errors: [{ field: 'body', message: 'must name at least one of state, queue, name, worker, from, to' }],
  })
}
