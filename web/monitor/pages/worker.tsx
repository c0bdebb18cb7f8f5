import { Link, useParams } from '@tanstack/react-router'
import { Act } from '../../shared/components/act.tsx'
import { count, dateTime, duration, megabytes } from '../../shared/language.ts'
import type { Pool as PoolAnswer, QueueName, WorkerDetail } from '../api.ts'
import { call } from '../client.ts'
import { Rows, Seen, State, Title, useLook, useMayAct } from '../look.tsx'
import { useTexts } from '../texts.ts'
import { WorkerConfiguration } from './worker-configuration.tsx'

const QUEUES: QueueName[] = ['urgent', 'high_priority', 'normal', 'low_priority']
const numberOf = (form: FormData) => Number(form.get('n'))

/** One worker, asked now: what it does, with what, and how it is steered. */
export function WorkerPage() {
  const t = useTexts()
  const { name } = useParams({ from: '/workers/$name' })
  const look = useLook('GET /api/workers/{name}', { path: { name } })
  return (
    <>
      <Title more={look.data && <State state={look.data.state} />}>{name}</Title>
      <Seen look={look}>{worker => <Worker worker={worker} />}</Seen>
      {look.data && <WorkerConfiguration name={name} />}
      <Link to="/workers">← {t.pages.workers}</Link>
    </>
  )
}

function Worker({ worker }: { worker: WorkerDetail }) {
  const t = useTexts()
  const { dropped } = worker
  const facts: [string, string][] = [
    [t.role, worker.role ?? '–'],
    [t.host, worker.host],
    [t.process, String(worker.pid)],
    [t.version, worker.version],
    [t.since, dateTime(worker.startedAt)],
    [t.heartbeat, dateTime(worker.lastSeenAt)],
    [t.rate, count(worker.ratePerSecond)],
    [t.succeeded, count(worker.succeeded)],
    [t.failures, count(worker.failed)],
    [t.slowTasks, count(worker.slow)],
    [t.stuckTasks, count(worker.stuck)],
    [t.memory, megabytes(worker.memoryBytes)],
    [t.loopDelay, duration(worker.loopDelayMs)],
    [t.dropped, `${dropped.events}, ${dropped.history}, ${dropped.results}`],
  ]
  return (
    <>
      {!worker.answered && <p className="notice warn">{t.notAnswered}</p>}
      {worker.namesake && <p className="notice warn">{t.namesake}</p>}
      <section className="card">
        <dl>
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </section>
      <Pool worker={worker} />
      <section className="card">
        <h2>{t.heldTasks}</h2>
        {worker.activeTasks.length + worker.reservedTasks.length === 0 ? (
          <p className="soft">{t.nothing}</p>
        ) : (
          <Rows
            label={t.heldTasks}
            items={[
              ...worker.activeTasks.map(task => ({ ...task, state: 'started' })),
              ...worker.reservedTasks.map(task => ({ ...task, startedAt: null, state: 'reserved' })),
            ]}
            keyOf={task => `${task.id} ${task.attempt}`}
            columns={[
              {
                title: t.task,
                cell: task => (
                  <Link to="/tasks/$id" params={{ id: task.id }}>
                    {task.task}
                  </Link>
                ),
              },
              { title: t.queue, cell: task => task.queue },
              {
                title: t.state,
                cell: ({ state }) => (state === 'reserved' ? t.reserved : <State state={state} />),
              },
              { title: t.attempt, isNumber: true, cell: task => task.attempt },
              {
                title: t.since,
                cell: task => (task.startedAt ? dateTime(new Date(task.startedAt)) : '–'),
              },
            ]}
          />
        )}
      </section>
    </>
  )
}

function Pool({ worker }: { worker: WorkerDetail }) {
  const t = useTexts()
  const mayAct = useMayAct() && worker.state !== 'stopped'
  const { words } = t
  const path = { name: worker.name }
  const steer = async (asked: Promise<PoolAnswer>) => {
    const { queues } = await asked
    return t.poolNow(
      Object.entries(queues)
        .map(([queue, slots]) => `${queue} ${slots}`)
        .join(', '),
    )
  }
  const others = QUEUES.filter(queue => !worker.queues.some(pool => pool.queue === queue))
  return (
    <section className="card stack">
      <h2>{t.pool}</h2>
      <Rows
        label={t.pool}
        items={worker.queues}
        keyOf={pool => pool.queue}
        columns={[
          { title: t.queue, cell: pool => pool.queue },
          { title: t.slots, isNumber: true, cell: pool => pool.slots },
          { title: t.active, isNumber: true, cell: pool => pool.active },
          { title: t.reserved, isNumber: true, cell: pool => pool.reserved },
          ...(mayAct
            ? [
                {
                  title: t.actions,
                  cell: ({ queue }: { queue: QueueName }) => (
                    <span className="row">
                      <Act
                        label="+"
                        title={t.about(t.grow, queue)}
                        words={words}
                        run={form =>
                          steer(
                            call('POST /api/workers/{name}/pool/grow', {
                              path,
                              body: { queue, n: numberOf(form) },
                            }),
                          )
                        }
                      >
                        <p>{t.growText}</p>
                        <HowMany />
                      </Act>
                      <Act
                        label="−"
                        title={t.about(t.shrink, queue)}
                        words={words}
                        run={form =>
                          steer(
                            call('POST /api/workers/{name}/pool/shrink', {
                              path,
                              body: { queue, n: numberOf(form) },
                            }),
                          )
                        }
                      >
                        <p>{t.shrinkText}</p>
                        <HowMany />
                      </Act>
                      <Act
                        label={t.cancelConsumer}
                        title={t.about(t.cancelConsumer, queue)}
                        words={words}
                        run={() =>
                          steer(
                            call('POST /api/workers/{name}/queue/cancel-consumer', { path, body: { queue } }),
                          )
                        }
                      >
                        <p>{t.cancelText(queue)}</p>
                      </Act>
                    </span>
                  ),
                },
              ]
            : []),
        ]}
      />
      {mayAct && (
        <div className="row">
          {others.length > 0 && (
            <Act
              label={t.addConsumer}
              title={t.addConsumer}
              words={words}
              run={form =>
                steer(
                  call('POST /api/workers/{name}/queue/add-consumer', {
                    path,
                    body: { queue: form.get('queue') as QueueName, slots: numberOf(form) },
                  }),
                )
              }
            >
              <p>{t.addText}</p>
              <label>
                {t.queue}
                <select name="queue">
                  {others.map(queue => (
                    <option key={queue}>{queue}</option>
                  ))}
                </select>
              </label>
              <HowMany />
            </Act>
          )}
          <Act
            label={t.shutdown}
            title={t.about(t.shutdown, worker.name)}
            words={words}
            isDangerous
            run={async () => {
              await call('POST /api/workers/{name}/shutdown', { path })
              return t.isDraining
            }}
          >
            <p>{t.shutdownText}</p>
          </Act>
        </div>
      )}
    </section>
  )
}

function HowMany() {
  const t = useTexts()
  return (
    <label>
      {t.howMany}
      <input name="n" type="number" min={1} max={100} defaultValue={1} required />
    </label>
  )
}
