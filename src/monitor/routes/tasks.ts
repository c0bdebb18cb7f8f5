import { Type } from 'typebox'
import type { App } from '../../http/fastify.ts'
import { Cursor, Id, Instant, Strict } from '../../http/schemas.ts'
import { decodeCursor, encodeCursor, UUID } from '../../lib/cursor.ts'
import { Problem } from '../../lib/problems.ts'
import { QUEUES, readResult } from '../../tasks/index.ts'
import { TaskDetail, TaskPage } from '../answers/tasks.ts'
import type { Desk } from '../desk.ts'
import type { SeenTask } from '../floor.ts'
import {
  type Attempt,
  type Filter,
  readAttempts,
  readCause,
  readHistory,
  readRevocation,
} from '../history-sql.ts'
import { viewAttempt, viewDetail, viewKnownParked, viewParkedTask, viewResult, viewSeen } from '../views.ts'

const UNDER_WAY = ['started', 'lost'] as const
const ENDED = ['succeeded', 'retried', 'parked', 'revoked', 'interrupted'] as const

/** What both the list and the commands by filter take. 'failed' is 'retried' and 'parked'. */
export const filterFields = {
  state: Type.Optional(Type.Enum([...UNDER_WAY, ...ENDED, 'failed'])),
  queue: Type.Optional(Type.Enum(QUEUES)),
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  worker: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  from: Type.Optional(Instant),
  to: Type.Optional(Instant),
  search: Type.Optional(
    Type.String({
      minLength: 2,
      maxLength: 100,
      description:
        'Text in the arguments or the error of what did not succeed, or the id of a task or of a request',
    }),
  ),
}

export interface TaskQuery extends Omit<Filter, 'state'> {
  state?: (typeof UNDER_WAY)[number] | (typeof ENDED)[number] | 'failed' | undefined
}

const ListQuery = Strict({
  ...filterFields,
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 100 })),
  cursor: Type.Optional(Cursor),
})

const Params = Type.Object({ id: Id })
/** Before everything: where the history begins when the first page had no room for it. */
const NEWEST = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** The states of the history that a query asks for; undefined when it asks for none of them. */
export function endedStates({ state }: TaskQuery): readonly string[] | undefined | 'all' {
  if (state === undefined) return 'all'
  if (state === 'failed') return ['retried', 'parked']
  return (ENDED as readonly string[]).includes(state) ? [state] : undefined
}

export function matches(query: TaskQuery, task: SeenTask): boolean {
  const { state, queue, name, worker, from, to, search } = query
  const at = task.finishedAt ?? task.startedAt ?? 0
  return (
    (state === undefined ||
      task.state === state ||
      (state === 'failed' && (task.state === 'retried' || task.state === 'parked'))) &&
    (queue === undefined || task.queue === queue) &&
    (name === undefined || task.name === name) &&
    // Workers tell ids only.
    (search === undefined || task.id === search.toLowerCase()) &&
    (worker === undefined || task.worker === worker) &&
    (from === undefined || at >= Date.parse(from)) &&
    (to === undefined || at < Date.parse(to))
  )
}

export function taskRoutes(app: App, desk: Desk): void {
  const { floor, db } = desk

  app.get(
    '/api/tasks',
    { schema: { querystring: ListQuery, response: { 200: TaskPage } } },
    async request => {
      const { limit = 100, cursor, ...query } = request.query
      const states = endedStates(query)
      const [before] = cursor === undefined ? [undefined] : decodeCursor(cursor, UUID)
      const live = cursor === undefined ? floor.started().filter(task => matches(query, task)) : []
      const shown = live.slice(0, limit).map(viewSeen)
      if (states === undefined) return { items: shown, nextCursor: null }

      const room = limit - shown.length
      if (room === 0) return { items: shown, nextCursor: encodeCursor(NEWEST) }
      const filter: Filter = { ...query, state: states === 'all' ? undefined : states }
      const rows = await desk.hear('history', () => readHistory(db, filter, before, room + 1))
      if (rows.state === 'down') {
        // What was heard of lately stands in for what cannot be read, on the first page.
        const heard = cursor === undefined ? floor.ended().filter(task => matches(query, task)) : []
        const items = [...shown, ...heard.slice(0, room).map(viewSeen)]
        return { items, nextCursor: null, database: 'down' as const }
      }
      const page = rows.value.slice(0, room)
      const last = rows.value.length > room ? page.at(-1) : undefined
      return {
        items: [...shown, ...page.map(viewAttempt)],
        nextCursor: last ? encodeCursor(last.id) : null,
        database: 'ok' as const,
      }
    },
  )

  app.get('/api/tasks/:id', { schema: { params: Params, response: { 200: TaskDetail } } }, async request => {
    const id = request.params.id.toLowerCase()
    const seen = floor.task(id)
    const [attempts, revoked, result] = await Promise.all([
      desk.hear('history', () => readAttempts(db, id)),
      desk.hear('revocations', () => readRevocation(db, id)),
      desk.hear('results', async () => (desk.shelf ? readResult(desk.shelf, id) : null)),
    ])
    const last = attempts.value?.at(-1)
    const [parked, cause] = await Promise.all([parkedTask(desk, id, seen, last), causeOf(desk, last)])
    const now = seen?.finishedAt === null ? viewSeen(seen) : last ? viewAttempt(last) : seen && viewSeen(seen)
    const known =
      now ??
      (parked.value && viewKnownParked(parked.value)) ??
      (result.value && viewResult(result.value)) ??
      (revoked.value ? { id, state: 'revoked' } : undefined)
    if (!known) throw new Problem(attempts.state === 'down' ? 'unavailable' : 'not_found')
    return {
      ...known,
      attempts: attempts.value?.map(viewDetail) ?? [],
      cause,
      parked: parked.value ?? null,
      revoked: revoked.value ?? null,
      result: result.value ?? null,
      database: attempts.state,
      broker: parked.state,
    }
  })
}

/** Who caused a task by which request, as far as the audit tells. */
async function causeOf(desk: Desk, last: Attempt | undefined) {
  const { requestId } = last ?? {}
  if (!last || !requestId) return null
  const acts = await desk.hear('cause', () => readCause(desk.db, requestId, last.queuedAt ?? last.finishedAt))
  return { requestId, acts: acts.value ?? [] }
}

/** Looked for only where it can be: what is put aside is read as a whole. */
async function parkedTask(desk: Desk, id: string, seen: SeenTask | undefined, last: Attempt | undefined) {
  const canBe = seen ? seen.state === 'parked' : last === undefined || last.state === 'parked'
  if (!canBe) return { state: desk.broker.state(), value: undefined }
  return desk.hear('broker', async () => {
    const found = (await desk.broker.parked()).find(({ message }) => message.id === id)
    return found && viewParkedTask(found)
  })
}
