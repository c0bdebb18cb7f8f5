import { Link } from '@tanstack/react-router'
import { count, duration, megabytes } from '../../shared/language.ts'
import type { WorkerView } from '../api.ts'
import { Rows, Seen, State, Title, useLook } from '../look.tsx'
import { useTexts } from '../texts.ts'

/** Who is there, how busy, and who was lost. */
export function WorkersPage() {
  const t = useTexts()
  const look = useLook('GET /api/workers')
  return (
    <>
      <Title>{t.pages.workers}</Title>
      <Seen look={look}>{({ items }) => <WorkerTable items={items} />}</Seen>
    </>
  )
}

export function WorkerTable({ items }: { items: WorkerView[] }) {
  const t = useTexts()
  if (items.length === 0) return <p className="card">{t.noWorker}</p>
  const slots = (worker: WorkerView) => worker.queues.reduce((sum, pool) => sum + pool.slots, 0)
  return (
    <div className="card">
      <Rows
        label={t.pages.workers}
        items={items}
        keyOf={worker => worker.name}
        columns={[
          {
            title: t.name,
            cell: worker => (
              <span>
                <Link to="/workers/$name" params={{ name: worker.name }}>
                  {worker.name}
                </Link>{' '}
                {worker.role && <span className="badge">{worker.role}</span>}
              </span>
            ),
          },
          { title: t.state, cell: worker => <State state={worker.state} /> },
          { title: t.queues, cell: worker => worker.queues.map(pool => pool.queue).join(', ') },
          {
            title: t.freeSlots,
            isNumber: true,
            // What is lost or has ended has no slot to give.
            cell: worker =>
              worker.state === 'running'
                ? t.free(count(Math.max(0, slots(worker) - worker.active)), count(slots(worker)))
                : count(slots(worker)),
          },
          { title: t.active, isNumber: true, cell: worker => count(worker.active) },
          { title: t.rate, isNumber: true, cell: worker => count(worker.ratePerSecond) },
          { title: t.succeeded, isNumber: true, cell: worker => count(worker.succeeded) },
          { title: t.failures, isNumber: true, cell: worker => count(worker.failed) },
          { title: t.memory, isNumber: true, cell: worker => megabytes(worker.memoryBytes) },
          { title: t.loopDelay, isNumber: true, cell: worker => duration(worker.loopDelayMs) },
          { title: t.heartbeat, isNumber: true, cell: worker => t.ago(ageOf(worker.lastSeenAt)) },
        ]}
      />
    </div>
  )
}

/** In whole seconds: it is looked at every other one. */
function ageOf(at: string): string {
  const seconds = Math.round((Date.now() - Date.parse(at)) / 1_000)
  return seconds < 1 ? '< 1 s' : duration(seconds * 1_000)
}
