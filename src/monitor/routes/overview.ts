import type { FastifyReply } from 'fastify'
import type { App } from '../../http/fastify.ts'
import { alsoTold, renderMetrics } from '../../observability/index.ts'
import { Queues as QueuesAnswer, Trend } from '../answers/queues.ts'
import type { Desk } from '../desk.ts'
import { openMonitorMetrics } from '../metrics.ts'
import { lookAtQueues, type Queues } from '../queues.ts'
import { viewWorker } from '../views.ts'
import { type Web, wantsPage } from '../web.ts'

/** All of it in one look, whether the monitor itself lives, and what Prometheus reads. */
export function overviewRoutes(app: App, desk: Desk, web: Web): void {
  // On the port of the process's metrics too, where production's Prometheus reads them.
  const end = alsoTold(openMonitorMetrics(desk))
  app.addHook('onClose', async () => end())

  app.get('/', async (request, reply) => {
    if (wantsPage(request)) return web.page(reply)
    const queues = await lookAtQueues(desk)
    const { accept = '', 'user-agent': agent = '' } = request.headers
    if (agent.startsWith('curl/') && !accept.includes('json')) {
      return plain(reply, 'text/plain; charset=utf-8', asText(desk, queues))
    }
    const { items, ...rest } = queues
    return {
      monitor: 'SamaConso',
      version: desk.version,
      workers: desk.floor.workers().map(viewWorker),
      queues: items,
      ...rest,
    }
  })

  app.get('/healthcheck', () => ({ status: 'running' }))
  app.get('/api/queues', { schema: { response: { 200: QueuesAnswer } } }, () => lookAtQueues(desk))
  app.get('/api/queues/history', { schema: { response: { 200: Trend } } }, () => ({
    everySeconds: desk.trend.everySeconds,
    items: desk.trend.points().slice(0),
  }))
  app.get('/metrics', async (_request, reply) => {
    const { type, text } = await renderMetrics()
    return plain(reply, type, text)
  })
}

const plain = (reply: FastifyReply, type: string, text: string) =>
  reply
    .type(type)
    .serializer((payload: unknown) => String(payload))
    .send(text)

function asText({ floor, version }: Desk, { broker, database, items, outbox }: Queues): string {
  const workers = floor.workers().map(viewWorker)
  return [
    `SamaConso ${version}, task monitor. Broker ${broker}, database ${database}.`,
    '',
    table(
      ['WORKER', 'STATE', 'ACTIVE', 'SLOTS', 'SUCCEEDED', 'FAILED', 'PER SECOND'],
      workers.map(worker => [
        worker.name,
        worker.state,
        worker.active,
        worker.queues.reduce((sum, { slots }) => sum + slots, 0),
        worker.succeeded,
        worker.failed,
        worker.ratePerSecond,
      ]),
    ),
    '',
    table(
      ['QUEUE', 'READY', 'UNDER WAY', 'DELAYED', 'PARKED', 'CONSUMERS', 'SLOTS'],
      items.map(one => [
        one.queue,
        one.ready,
        one.unacknowledged,
        one.delayed,
        one.parked,
        one.consumers,
        one.slots,
      ]),
    ),
    '',
    outbox
      ? `Outbox: ${outbox.waiting} waiting, the oldest for ${outbox.oldestSeconds ?? 0} s.`
      : 'Outbox: ?',
    '',
  ].join('\n')
}

function table(head: string[], rows: (string | number | null)[][]): string {
  const texts = [head, ...rows.map(row => row.map(cell => (cell === null ? '?' : String(cell))))]
  const widths = head.map((_, i) => Math.max(...texts.map(row => row[i]?.length ?? 0)))
  return texts
    .map(row =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  '),
    )
    .join('\n')
}
