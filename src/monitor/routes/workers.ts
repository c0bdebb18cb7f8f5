import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { App } from '../../http/fastify.ts'
import { Strict } from '../../http/schemas.ts'
import { Problem } from '../../lib/problems.ts'
import { MOST_SLOTS, QUEUES, WorkerConfiguration } from '../../tasks/index.ts'
import { Configuration, Draining, Pool, WorkerDetail, Workers } from '../answers/workers.ts'
import type { Desk } from '../desk.ts'
import { viewWorker } from '../views.ts'

const Params = Type.Object({ name: Type.String({ minLength: 1, maxLength: 100 }) })
const QueueName = Type.Enum(QUEUES)
const SlotCount = (fallback: number) => Type.Integer({ minimum: 1, maximum: MOST_SLOTS, default: fallback })

const isConfiguration = Compile(WorkerConfiguration)
const NOT_TOLD = {
  fr: 'Le worker n’a pas dit sa configuration.',
  en: 'The worker did not tell its configuration.',
}

type Slots = Record<string, number>
type Detail = Static<typeof WorkerDetail>

const Nothing = Strict({})
const Resize = Strict({ n: Type.Optional(SlotCount(1)), queue: Type.Optional(QueueName) })
const AddConsumer = Strict({ queue: QueueName, slots: Type.Optional(SlotCount(1)) })
const CancelConsumer = Strict({ queue: QueueName })

export function workerRoutes(app: App, desk: Desk): void {
  const { floor, remote } = desk

  app.get('/api/workers', { schema: { response: { 200: Workers } } }, () => ({
    items: floor.workers().map(viewWorker),
  }))

  app.get(
    '/api/workers/:name',
    { schema: { params: Params, response: { 200: WorkerDetail } } },
    async request => {
      const { name } = request.params
      const worker = floor.worker(name)
      if (!worker) throw new Problem('not_found')
      const to = { to: [name] }
      const [active, reserved] = await Promise.all([
        remote.ask('active', {}, to),
        remote.ask('reserved', {}, to),
      ])
      const answered = active.replies.get(name)
      return {
        ...viewWorker(worker),
        // From its last heartbeat when it does not answer now.
        answered: answered !== undefined,
        activeTasks: (answered?.result as Detail['activeTasks'] | undefined) ?? worker.last.active,
        reservedTasks: (reserved.replies.get(name)?.result as Detail['reservedTasks'] | undefined) ?? [],
      }
    },
  )

  app.get(
    '/api/workers/:name/configuration',
    { schema: { params: Params, response: { 200: Configuration } } },
    async request => {
      const { name } = request.params
      if (!floor.worker(name)) throw new Problem('not_found')
      const { replies } = await remote.ask('configuration', {}, { to: [name] })
      const told = replies.get(name)?.result
      // A worker of an earlier version does not know the question.
      if (!isConfiguration.Check(told)) throw new Problem('unavailable', { retryAfter: 5, detail: NOT_TOLD })
      return told
    },
  )

  app.post(
    '/api/workers/:name/shutdown',
    { schema: { params: Params, body: Nothing, response: { 202: Draining } } },
    async (request, reply) => {
      const { name } = request.params
      reply.code(202)
      return { worker: name, state: await desk.command<string>(request, name, 'shutdown', {}) }
    },
  )

  for (const command of ['grow', 'shrink'] as const) {
    app.post(
      `/api/workers/:name/pool/${command}`,
      { schema: { params: Params, body: Resize, response: { 200: Pool } } },
      async request => {
        const { name } = request.params
        const { n = 1, queue } = request.body
        const args = { n, ...(queue ? { queue } : {}) }
        return { worker: name, queues: await desk.command<Slots>(request, name, command, args) }
      },
    )
  }

  app.post(
    '/api/workers/:name/queue/add-consumer',
    { schema: { params: Params, body: AddConsumer, response: { 200: Pool } } },
    async request => {
      const { name } = request.params
      const { queue, slots = 1 } = request.body
      return {
        worker: name,
        queues: await desk.command<Slots>(request, name, 'add-consumer', { queue, slots }),
      }
    },
  )

  app.post(
    '/api/workers/:name/queue/cancel-consumer',
    { schema: { params: Params, body: CancelConsumer, response: { 200: Pool } } },
    async request => {
      const { name } = request.params
      const { queue } = request.body
      return { worker: name, queues: await desk.command<Slots>(request, name, 'cancel-consumer', { queue }) }
    },
  )
}
