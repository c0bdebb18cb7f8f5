import { join } from 'node:path'
import { startRabbitMq } from '../../test/servers/rabbitmq.ts'
import type { Lab } from '../lib/lab.ts'
import { alternate, median, medianRatio } from '../lib/rounds.ts'
import { perSecond, type Row } from '../lib/table.ts'
import type { TasksData, TasksJob } from '../processes/tasks.ts'

const ROUNDS = 9
const COUNT = 10_000

/** Tasks through a real RabbitMQ: our broker against its client alone, and the whole way from the outbox to a worker. */
export async function publish(lab: Lab): Promise<Row[]> {
  const server = await startRabbitMq({ folder: join(lab.folder, 'rabbitmq') })
  lab.onEnd(server.stop)
  const { url: databaseUrl } = await lab.database('tasks', 10)
  const data: TasksData = { url: server.url, databaseUrl }
  const child = await lab.child<object>('tasks.ts', { core: 0, data })
  const round = (kind: TasksJob['kind'], who: TasksJob['who']) => () =>
    child.ask<number>({ kind, who, count: COUNT } satisfies TasksJob)

  async function compare(kind: TasksJob['kind']) {
    const contenders = { ours: round(kind, 'ours'), bare: round(kind, 'bare') }
    for (const warmUp of Object.values(contenders)) await warmUp()
    const { ours, bare } = await alternate(ROUNDS, contenders)
    return {
      ours: perSecond(median(ours)),
      figure: medianRatio(ours, bare),
      bare: perSecond(median(bare)),
    }
  }
  const published = await compare('publish')
  const through = await compare('through')
  return [
    {
      what: 'messages published with confirmation',
      ours: published.ours,
      against: `${published.bare} the bare client, same window and bytes`,
      figure: published.figure,
      floor: { least: 0.8 },
    },
    {
      what: 'tasks from the outbox to the end of an empty handler',
      ours: through.ours,
      against: `${through.bare} the bare client, published and consumed`,
      figure: through.figure,
      floor: { least: 0.6 },
    },
  ]
}
