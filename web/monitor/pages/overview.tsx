import { Link } from '@tanstack/react-router'
import { count } from '../../shared/language.ts'
import type { Queues, WorkerView } from '../api.ts'
import { Away, Seen, Title, useLook } from '../look.tsx'
import { useTexts } from '../texts.ts'
import { Broadcast } from './broadcasts.tsx'
import { OutboxLine, QueueTable } from './queues.tsx'
import { WorkerTable } from './workers.tsx'

/** All of it in one look. */
export function OverviewPage() {
  const t = useTexts()
  const workers = useLook('GET /api/workers')
  const queues = useLook('GET /api/queues')
  const broadcasts = useLook('GET /api/broadcasts')
  const running = broadcasts.data?.items.filter(item => item.state === 'running') ?? []
  return (
    <>
      <Title>{t.pages.overview}</Title>
      <Away broker={queues.data?.broker} database={queues.data?.database} />
      <Tiles workers={workers.data?.items} queues={queues.data} />
      {running.map(item => (
        <Broadcast key={item.id} item={item} />
      ))}
      <h2>
        <Link to="/workers">{t.pages.workers}</Link>
      </h2>
      <Seen look={workers}>{({ items }) => <WorkerTable items={items} />}</Seen>
      <h2>
        <Link to="/queues">{t.pages.queues}</Link>
      </h2>
      <Seen look={queues}>
        {({ items, outbox }) => (
          <>
            <QueueTable items={items} />
            <section className="card">
              <h2>{t.outbox}</h2>
              <OutboxLine outbox={outbox} />
            </section>
          </>
        )}
      </Seen>
    </>
  )
}

function Tiles({ workers, queues }: { workers: WorkerView[] | undefined; queues: Queues | undefined }) {
  const t = useTexts()
  const inState = (state: string) => workers?.filter(worker => worker.state === state).length
  const rate = workers
    ?.filter(({ state }) => state === 'running')
    .reduce((sum, one) => sum + one.ratePerSecond, 0)
  const sum = (of: 'ready' | 'parked') =>
    queues?.items.reduce<number | null>((all, one) => add(all, one[of]), 0)
  const tiles: [string, number | null | undefined][] = [
    [`${t.pages.workers} – ${t.states.running}`, inState('running')],
    [`${t.pages.workers} – ${t.states.lost}`, inState('lost')],
    [t.rate, rate === undefined ? rate : Math.round(rate * 10) / 10],
    [t.ready, sum('ready')],
    [t.parkedCount, sum('parked')],
  ]
  return (
    <div className="tiles">
      {tiles.map(([name, value]) => (
        <div className="card tile" key={name}>
          <strong>{count(value)}</strong>
          <span className="soft">{name}</span>
        </div>
      ))}
    </div>
  )
}

const add = (all: number | null, one: number | null) => (all === null || one === null ? null : all + one)
