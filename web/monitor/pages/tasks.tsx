import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useSyncExternalStore } from 'react'
import { type VirtualColumn, VirtualRows } from '../../shared/components/virtual-rows.tsx'
import { clockTime, count, duration } from '../../shared/language.ts'
import type { Operations, TaskView } from '../api.ts'
import { Bulk } from '../bulk.tsx'
import { call } from '../client.ts'
import { Away, State, Title, useMayAct } from '../look.tsx'
import { type Texts, useTexts } from '../texts.ts'

type Query = NonNullable<Operations['GET /api/tasks']['query']>
export type TaskFilter = Omit<Query, 'limit' | 'cursor'>

const FIELDS = ['state', 'queue', 'name', 'worker', 'from', 'to', 'search'] as const
const STATES = ['started', 'lost', 'succeeded', 'failed', 'retried', 'parked', 'revoked', 'interrupted']
const QUEUES = ['urgent', 'high_priority', 'normal', 'low_priority']
const PAGE = 200
const LIVE_MS = 2_000

/** The filter of an address; what is none of it is left out. */
export function readFilter(search: Record<string, unknown>): TaskFilter {
  const set = FIELDS.filter(field => search[field] !== undefined && search[field] !== '')
  return Object.fromEntries(set.map(field => [field, String(search[field])]))
}

/** Tasks under way and the history, by a filter that lives in the address. */
export function TasksPage() {
  const t = useTexts()
  const filter = useSearch({ from: '/tasks' })
  const mayAct = useMayAct()
  const pages = useInfiniteQuery({
    queryKey: ['/api/tasks', filter],
    queryFn: ({ pageParam }) =>
      call('GET /api/tasks', { query: { ...filter, limit: PAGE, cursor: pageParam } }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: page => page.nextCursor ?? undefined,
    placeholderData: keepPreviousData,
    // Rows are compared where they are drawn.
    structuralSharing: false,
    // Who reads on in the history is not moved under their eyes.
    refetchInterval: query => ((query.state.data?.pages.length ?? 0) > 1 ? false : LIVE_MS),
  })
  const items = pages.data?.pages.flatMap(page => page.items) ?? []
  return (
    <>
      <Title more={<span className="soft">{t.shown(count(items.length))}</span>}>{t.pages.tasks}</Title>
      <Filters filter={filter} />
      {mayAct && <Bulk filter={filter} />}
      <Away database={pages.data?.pages[0]?.database} />
      {pages.isError && (
        <p className="notice bad">
          {t.failed} {pages.error.message}
        </p>
      )}
      {pages.isPending ? (
        <p className="soft">{t.loading}</p>
      ) : (
        <TaskTable items={items} isKnown={pages.data?.pages[0]?.database !== 'down'} />
      )}
      {pages.hasNextPage && (
        <button type="button" disabled={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
          {pages.isFetchingNextPage ? t.loading : t.more}
        </button>
      )}
    </>
  )
}

function TaskTable({ items, isKnown }: { items: TaskView[]; isKnown: boolean }) {
  const t = useTexts()
  const isNarrow = useNarrow()
  const columns = useMemo(() => columnsOf(t), [t])
  if (items.length === 0) return <p className="card">{isKnown ? t.nothing : t.unknown}</p>
  return (
    <VirtualRows
      items={items}
      rowHeight={isNarrow ? 56 : 36}
      label={t.pages.tasks}
      // What was replayed from what was put aside keeps its id, and begins with its first attempt.
      keyOf={task => `${task.id} ${task.attempt} ${task.state} ${task.finishedAt}`}
      columns={columns}
    />
  )
}

const columnsOf = (t: Texts): VirtualColumn<TaskView>[] => [
  {
    title: t.task,
    cell: task => (
      <>
        <Link to="/tasks/$id" params={{ id: task.id }}>
          {task.name}
        </Link>
        <Mark task={task} />
      </>
    ),
  },
  { title: t.state, cell: task => <State state={task.state} /> },
  { title: t.queue, cell: task => task.queue },
  { title: t.worker, cell: task => task.worker },
  { title: t.attempt, isNumber: true, cell: task => task.attempt },
  { title: t.ran, isNumber: true, cell: task => duration(task.runMs) },
  { title: t.waited, isNumber: true, cell: task => duration(task.waitMs) },
  { title: t.ended, isNumber: true, cell: task => clockTime(task.finishedAt ?? task.startedAt) },
]

/** That a person had a hand in it. */
function Mark({ task }: { task: TaskView }) {
  const t = useTexts()
  const word = task.discardedAt
    ? t.marks.discarded
    : task.resentAt
      ? t.marks.resent
      : task.replayOf
        ? t.marks.replay
        : undefined
  return word ? <span className="badge mark">{word}</span> : null
}

function Filters({ filter }: { filter: TaskFilter }) {
  const t = useTexts()
  const navigate = useNavigate({ from: '/tasks' })
  const set = (field: keyof TaskFilter, value: string) =>
    void navigate({ search: readFilter({ ...filter, [field]: value }), replace: true })
  const choice = (
    field: 'state' | 'queue',
    all: string,
    values: string[],
    word: (value: string) => string,
  ) => (
    <label>
      {t[field]}
      <select value={filter[field] ?? ''} onChange={event => set(field, event.target.value)}>
        <option value="">{all}</option>
        {values.map(value => (
          <option key={value} value={value}>
            {word(value)}
          </option>
        ))}
      </select>
    </label>
  )
  // Applied when the field is left or Enter pressed: not at every letter.
  const field = (name: keyof TaskFilter, label: string, placeholder = '') => (
    <label>
      {label}
      <input
        key={filter[name] ?? ''}
        defaultValue={filter[name] ?? ''}
        placeholder={placeholder}
        maxLength={100}
        onBlur={event => event.target.value !== (filter[name] ?? '') && set(name, event.target.value.trim())}
        onKeyDown={event => event.key === 'Enter' && event.currentTarget.blur()}
      />
    </label>
  )
  const time = (name: 'from' | 'to', label: string) => (
    <label>
      {label}
      <input
        type="datetime-local"
        // Dakar's time is UTC.
        value={filter[name]?.slice(0, 16) ?? ''}
        onChange={event => set(name, event.target.value ? `${event.target.value}:00Z` : '')}
      />
    </label>
  )
  return (
    <search className="card stack">
      <div className="filters">
        {choice('state', t.allStates, STATES, value => t.states[value] ?? value)}
        {choice('queue', t.allQueues, QUEUES, value => value)}
        {field('name', t.task, 'notifications.deliver')}
        {field('worker', t.worker)}
        {field('search', t.search, t.searchHint)}
        {time('from', t.from)}
        {time('to', t.to)}
        <Link to="/tasks" search={{}}>
          {t.clear}
        </Link>
      </div>
      {filter.search && <span className="soft">{t.searchNote}</span>}
    </search>
  )
}

const narrow = matchMedia('(max-width: 700px)')
const useNarrow = (): boolean =>
  useSyncExternalStore(
    listener => {
      narrow.addEventListener('change', listener)
      return () => narrow.removeEventListener('change', listener)
    },
    () => narrow.matches,
  )
