import { Type } from 'typebox'
import type { App } from '../../http/fastify.ts'
import { Id, Strict } from '../../http/schemas.ts'
import { Problem } from '../../lib/problems.ts'
import { recordAs } from '../../modules/audit/index.ts'
import { QUEUES } from '../../tasks/index.ts'
import { Discarded, ParkedPage, Replayed } from '../answers/parked.ts'
import type { Desk } from '../desk.ts'
import { markTasks, readTaken, type Taken } from '../history-sql.ts'
import { MOST_AT_ONCE } from '../resend.ts'
import { viewParkedDelivery, viewParkedTask } from '../views.ts'

const Queue = Type.Enum(QUEUES)
const Query = Strict({
  kind: Type.Optional(Type.Enum(['task', 'delivery'])),
  queue: Type.Optional(Queue),
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  cause: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 100 })),
})
const chosenFields = {
  kind: Type.Optional(Type.Enum(['task', 'delivery'])),
  ids: Type.Optional(Type.Array(Id, { minItems: 1, maxItems: MOST_AT_ONCE })),
  cause: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
  queue: Type.Optional(Queue),
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  dryRun: Type.Optional(Type.Boolean({ default: false })),
}
const Replay = Strict(chosenFields)
const Discard = Strict({
  ...chosenFields,
  reason: Type.String({ minLength: 3, maxLength: 200, description: 'Why, for the audit log' }),
})

interface Choice {
  kind?: string | undefined
  queue?: string | undefined
  name?: string | undefined
  cause?: string | undefined
  ids?: readonly string[] | undefined
}

type Item = ReturnType<typeof viewParkedTask> | ReturnType<typeof viewParkedDelivery>

/** What was put aside for a person to look at: messages by the broker, units of deliveries in PostgreSQL. */
export function parkedRoutes(app: App, desk: Desk): void {
  app.get('/api/parked', { schema: { querystring: Query, response: { 200: ParkedPage } } }, async request => {
    const { limit = 100, ...choice } = request.query
    const { items, total, broker, database } = await lookAside(desk)
    const chosen = items.filter(item => isChosen(item, choice))
    return { items: chosen.slice(0, limit), groups: groupsOf(chosen), total, broker, database }
  })

  app.post('/api/parked/replay', { schema: { body: Replay, response: { 200: Replayed } } }, async request => {
    const { dryRun = false, ids, ...choice } = request.body
    refuseEmpty(request.body)
    const aside = await lookAside(desk)
    const wanted = { ...choice, ids: ids?.map(id => id.toLowerCase()) }
    const chosen = aside.items.filter(item => isChosen(item, wanted))
    const batch = chosen.slice(0, MOST_AT_ONCE)
    const more = chosen.length > batch.length
    const { broker, database } = aside
    const matched = batch.length
    if (dryRun || matched === 0) {
      return { dryRun, matched, replayed: { tasks: 0, deliveries: 0 }, more, broker, database }
    }
    const idsOf = (kind: Item['kind']) => batch.filter(item => item.kind === kind).map(({ id }) => id)
    const [tasks, deliveries] = [idsOf('task'), idsOf('delivery')]
    const replayed = await desk.db.tx(async tx => {
      await recordAs(tx, { id: null, role: desk.operator, requestId: request.id }, [
        { action: 'parked.replay', detail: { ...choice, tasks, deliveries } },
      ])
      const units =
        deliveries.length > 0 ? await desk.deliveries.replay(tx, deliveries, desk.clock.now()) : []
      const before = await readTaken(tx, tasks)
      const sent = tasks.length > 0 ? await desk.broker.replay(tasks) : []
      await markTasks(tx, thoseOf(before, sent), 'resent')
      return { tasks: sent.length, deliveries: units.length }
    })
    return { dryRun, matched, replayed, more, broker, database }
  })

  // Messages of the broker alone: devices of a delivery are accounted for, by sending it again or by its end.
  app.post(
    '/api/parked/discard',
    { schema: { body: Discard, response: { 200: Discarded } } },
    async request => {
      const { dryRun = false, ids, reason, ...choice } = request.body
      refuseEmpty(request.body)
      const wanted = { ...choice, ids: ids?.map(id => id.toLowerCase()) }
      const chosen = (await lookAside(desk)).items.filter(item => isChosen(item, wanted))
      const tasks = chosen.filter(item => item.kind === 'task').map(({ id }) => id)
      const kept = chosen.length - tasks.length
      const batch = tasks.slice(0, MOST_AT_ONCE)
      const more = tasks.length > batch.length
      if (dryRun || batch.length === 0) return { dryRun, matched: batch.length, discarded: 0, kept, more }
      const discarded = await desk.db.tx(async tx => {
        await recordAs(tx, { id: null, role: desk.operator, requestId: request.id }, [
          { action: 'parked.discard', detail: { ...choice, reason, tasks: batch } },
        ])
        const before = await readTaken(tx, batch)
        const gone = await desk.broker.discard(batch)
        await markTasks(tx, thoseOf(before, gone), 'discarded')
        return gone.length
      })
      return { dryRun, matched: batch.length, discarded, kept, more }
    },
  )
}

const thoseOf = (taken: readonly Taken[], taskIds: readonly string[]): Taken[] =>
  taken.filter(({ taskId }) => taskIds.includes(taskId))

function refuseEmpty({ ids, cause, queue, name, kind }: Choice): void {
  if (ids ?? cause ?? queue ?? name ?? kind) return
  throw new Problem('invalid', {
    errors: [{ field: 'body', message: 'must name ids, a kind, a cause, a queue or a name' }],
  })
}

/** By what they are and why they were put aside, the most first. */
function groupsOf(items: readonly Item[]) {
  const groups = Map.groupBy(items, item =>
    JSON.stringify([item.kind, item.kind === 'task' ? item.name : null, item.queue, item.reason]),
  )
  return [...groups.values()]
    .map(group => {
      const [first] = group as [Item]
      const times = group.map(item => item.parkedAt).sort()
      return {
        kind: first.kind,
        name: first.kind === 'task' ? first.name : null,
        queue: first.queue,
        cause: first.reason,
        count: group.length,
        oldestAt: times[0],
        newestAt: times.at(-1),
      }
    })
    .sort((a, b) => b.count - a.count)
}

/** Deliveries that are read at a time. */
const MOST_DELIVERIES = 1_000

async function lookAside(desk: Desk) {
  const [tasks, deliveries] = await Promise.all([
    desk.hear('broker', () => desk.broker.parked()),
    desk.hear('deliveries', () => desk.deliveries.list(desk.db, MOST_DELIVERIES)),
  ])
  const items: Item[] = [
    ...(tasks.value ?? []).map(viewParkedTask),
    ...(deliveries.value?.items ?? []).map(viewParkedDelivery),
  ]
  return {
    items,
    total: { tasks: tasks.value?.length ?? null, deliveries: deliveries.value?.total ?? null },
    broker: tasks.state,
    database: deliveries.state,
  }
}

const isChosen = (item: Item, { kind, queue, name, cause, ids }: Choice): boolean =>
  (kind === undefined || item.kind === kind) &&
  (queue === undefined || item.queue === queue) &&
  (name === undefined || (item.kind === 'task' && item.name === name)) &&
  (cause === undefined || item.reason === cause) &&
  (ids === undefined || ids.includes(item.id))
