import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { count, dateTime } from '../../shared/language.ts'
import { Away, Rows, Seen, State, Title, useLook } from '../look.tsx'
import { useTexts } from '../texts.ts'

/** What waits for its time, or for a person. */
export function DuePage() {
  const t = useTexts()
  const look = useLook('GET /api/due')
  return (
    <>
      <Title>{t.pages.due}</Title>
      <Seen look={look}>
        {due => (
          <>
            <Away broker={due.broker} database={due.database} />
            <Part
              title={t.scheduledBroadcasts}
              isKnown={due.database === 'ok'}
              isEmpty={due.broadcasts.length === 0}
            >
              <Rows
                label={t.scheduledBroadcasts}
                items={due.broadcasts}
                keyOf={one => one.id}
                columns={[
                  { title: t.name, cell: one => <Link to="/broadcasts">{one.title}</Link> },
                  { title: t.state, cell: one => <State state={one.state} /> },
                  { title: t.audience, cell: one => t.audiences[one.audience] ?? one.audience },
                  { title: t.at, cell: one => dateTime(one.scheduledAt) },
                ]}
              />
            </Part>
            <Part title={t.waitingTasks} isKnown={due.database === 'ok'} isEmpty={due.tasks.length === 0}>
              <Rows
                label={t.waitingTasks}
                items={due.tasks}
                keyOf={task => task.id}
                columns={[
                  {
                    title: t.task,
                    cell: task => (
                      <Link to="/tasks/$id" params={{ id: task.id }}>
                        {task.name}
                      </Link>
                    ),
                  },
                  { title: t.queue, cell: task => task.queue },
                  { title: t.attempt, isNumber: true, cell: task => task.attempt },
                  { title: t.error, cell: task => task.error ?? '–' },
                  { title: t.since, cell: task => dateTime(task.finishedAt) },
                ]}
              />
            </Part>
            <Part
              title={t.waitingDeliveries}
              isKnown={due.database === 'ok'}
              isEmpty={due.deliveries.length === 0}
            >
              <Rows
                label={t.waitingDeliveries}
                items={due.deliveries}
                keyOf={one => one.queue}
                columns={[
                  { title: t.queue, cell: one => one.queue },
                  { title: t.number, isNumber: true, cell: one => count(one.count) },
                  { title: t.firstAt, cell: one => dateTime(one.first) },
                  { title: t.lastAt, cell: one => dateTime(one.last) },
                ]}
              />
            </Part>
            <Part
              title={t.delayedMessages}
              isKnown={due.broker === 'ok'}
              isEmpty={due.delayed.every(one => one.delayed === 0)}
            >
              <Rows
                label={t.delayedMessages}
                items={due.delayed.filter(one => one.delayed > 0)}
                keyOf={one => one.queue}
                columns={[
                  { title: t.queue, cell: one => one.queue },
                  { title: t.number, isNumber: true, cell: one => count(one.delayed) },
                ]}
              />
            </Part>
          </>
        )}
      </Seen>
    </>
  )
}

function Part(props: { title: string; isKnown: boolean; isEmpty: boolean; children: ReactNode }) {
  const { title, isKnown, isEmpty, children } = props
  const t = useTexts()
  return (
    <section className="card">
      <h2>{title}</h2>
      {isEmpty ? <p className="soft">{isKnown ? t.nothing : t.unknown}</p> : children}
    </section>
  )
}
