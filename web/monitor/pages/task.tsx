import { Link, useParams } from '@tanstack/react-router'
import { Act } from '../../shared/components/act.tsx'
import { dateTime, duration } from '../../shared/language.ts'
import type { AttemptView, TaskDetail } from '../api.ts'
import { call } from '../client.ts'
import { Away, Seen, State, Title, useLook, useMayAct } from '../look.tsx'
import { type Texts, useTexts } from '../texts.ts'

/** The whole life of one task. */
export function TaskPage() {
  const t = useTexts()
  const { id } = useParams({ from: '/tasks/$id' })
  const look = useLook('GET /api/tasks/{id}', { path: { id } })
  return (
    <>
      <Title more={look.data && <State state={look.data.state} />}>{look.data?.name ?? t.task}</Title>
      <code>{id}</code>
      <Seen look={look}>{task => <Task task={task} />}</Seen>
      <Link to="/tasks">← {t.pages.tasks}</Link>
    </>
  )
}

function Task({ task }: { task: TaskDetail }) {
  const t = useTexts()
  const { replayOf } = task
  const args = task.attempts.findLast(attempt => attempt.arguments)?.arguments
  return (
    <>
      <Away broker={task.broker} database={task.database} />
      {useMayAct() && <Commands task={task} />}
      <section className="card">
        <h2>{t.timeline}</h2>
        <ol className="life">
          {lifeOf(task, t).map(event => (
            <li key={`${event.at} ${event.words}`} className={event.isBad ? 'bad' : ''}>
              <strong>{event.words}</strong> <span className="soft">{dateTime(event.at)}</span>
              {event.more && <pre>{event.more}</pre>}
            </li>
          ))}
        </ol>
      </section>
      <section className="card">
        <dl>
          <Fact name={t.queue}>{task.queue ?? '–'}</Fact>
          <Fact name={t.attempt}>{task.attempt ?? '–'}</Fact>
          <Fact name={t.ran}>{duration(task.runMs)}</Fact>
          <Fact name={t.waited}>{duration(task.waitMs)}</Fact>
          {replayOf && (
            <Fact name={t.replayOf}>
              <Link to="/tasks/$id" params={{ id: replayOf }}>
                {replayOf}
              </Link>
            </Fact>
          )}
        </dl>
      </section>
      <section className="card">
        <h2>{t.cause}</h2>
        <Cause cause={task.cause} />
      </section>
      {args && (
        <section className="card">
          <h2>{t.args}</h2>
          <pre>{args}</pre>
        </section>
      )}
      {task.result !== null && (
        <section className="card">
          <h2>{t.result}</h2>
          <pre>{JSON.stringify(task.result, null, 2)}</pre>
        </section>
      )}
    </>
  )
}

const Fact = ({ name, children }: { name: string; children: React.ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)

function Cause({ cause }: { cause: TaskDetail['cause'] }) {
  const t = useTexts()
  if (!cause) return <p className="soft">{t.noCause}</p>
  return (
    <dl className="wide">
      <Fact name={t.request}>
        <Link to="/tasks" search={{ search: cause.requestId }}>
          <code>{cause.requestId}</code>
        </Link>
      </Fact>
      {cause.acts.length === 0 && <Fact name={t.byWhom}>{t.noAct}</Fact>}
      {cause.acts.map(act => (
        <Fact name={`${t.byWhom} (${act.action})`} key={`${act.at} ${act.action}`}>
          {act.role} <code>{act.accountId}</code>
        </Fact>
      ))}
    </dl>
  )
}

interface Event {
  at: string
  words: string
  isBad?: boolean
  more?: string | null | undefined
}

/** What happened to a task, the oldest first. */
function lifeOf(task: TaskDetail, t: Texts): Event[] {
  const underWay = task.finishedAt === null && task.startedAt ? [task] : []
  const attempts: (AttemptView | TaskDetail)[] = [...task.attempts, ...underWay]
  const events = [...beginning(attempts[0], t), ...attempts.flatMap(attempt => lifeOfAttempt(attempt, t))]
  const { parked, revoked } = task
  if (parked && attempts.at(-1)?.state !== 'parked')
    events.push({ at: parked.parkedAt, words: t.states.parked ?? '', isBad: true, more: parked.reason })
  if (revoked) events.push({ at: revoked.at, words: `${t.states.revoked} (${revoked.by})`, isBad: true })
  return events.sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
}

/** Two clocks differ by less; no delay is shorter. */
const CLOCKS_MS = 1_000

const hadToWait = ({ queuedAt, publishedAt }: AttemptView | TaskDetail): boolean =>
  Boolean(queuedAt && publishedAt && Date.parse(queuedAt) - Date.parse(publishedAt) > CLOCKS_MS)

/** When it was accepted; of one that was published with a delay, when that was over. */
function beginning(first: AttemptView | TaskDetail | undefined, t: Texts): Event[] {
  if (!first?.queuedAt) return []
  return [{ at: first.queuedAt, words: hadToWait(first) ? t.waitOver : t.accepted }]
}

function publication(attempt: AttemptView | TaskDetail, t: Texts): Event[] {
  const { queuedAt, publishedAt } = attempt
  if (!publishedAt) return []
  // Accepted by another clock: never after it was published.
  const isBefore = queuedAt && queuedAt > publishedAt && !hadToWait(attempt)
  return [{ at: isBefore ? queuedAt : publishedAt, words: t.published(attempt.attempt ?? 1) }]
}

function lifeOfAttempt(attempt: AttemptView | TaskDetail, t: Texts): Event[] {
  const events = publication(attempt, t)
  if (attempt.startedAt) {
    const waited = attempt.waitMs == null ? null : t.about(t.waited, duration(attempt.waitMs))
    events.push({
      at: attempt.startedAt,
      words: t.received(attempt.worker ?? '?', attempt.attempt ?? 1),
      more: waited,
    })
  }
  if (attempt.finishedAt) {
    events.push({
      at: attempt.finishedAt,
      words: t.endedAs(t.states[attempt.state] ?? attempt.state),
      isBad: attempt.state !== 'succeeded',
      more: attempt.error,
    })
  }
  if (attempt.resentAt) events.push({ at: attempt.resentAt, words: t.resent })
  if (attempt.discardedAt) events.push({ at: attempt.discardedAt, words: t.discardedBy })
  return events
}

function Commands({ task }: { task: TaskDetail }) {
  const t = useTexts()
  const path = { id: task.id }
  const { words } = t
  const isUnderWay = task.state === 'started' || task.state === 'lost'
  const canRetry =
    (task.state === 'parked' || task.state === 'revoked') && !task.resentAt && !task.discardedAt
  return (
    <div className="row">
      {canRetry && (
        <Act
          label={t.retry}
          title={t.retry}
          words={words}
          run={async () => {
            await call('POST /api/tasks/{id}/retry', { path })
            return t.retried
          }}
        >
          <p>{t.retryText}</p>
        </Act>
      )}
      {(isUnderWay || task.state === 'retried') && (
        <Act
          label={t.revoke}
          title={t.revoke}
          words={words}
          isDangerous
          run={async () => {
            const { workers, silent } = await call('POST /api/tasks/{id}/revoke', { path })
            return t.revoked(workers.join(', '), silent.join(', '))
          }}
        >
          <p>{t.revokeText}</p>
        </Act>
      )}
      {isUnderWay && (
        <Act
          label={t.terminate}
          title={t.terminate}
          words={words}
          isDangerous
          run={async () =>
            (await call('POST /api/tasks/{id}/terminate', { path })).terminated
              ? t.terminatedYes
              : t.terminatedNo
          }
        >
          <p>{t.terminateText}</p>
        </Act>
      )}
    </div>
  )
}
