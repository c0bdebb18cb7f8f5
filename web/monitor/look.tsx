import { type UseQueryResult, useQuery } from '@tanstack/react-query'
import { type ReactNode, useEffect } from 'react'
import type { Given } from '../shared/client.ts'
import type { Health, Operations } from './api.ts'
import { call } from './client.ts'
import { useTexts } from './texts.ts'

const EVERY_MS = 2_000

/** Looks at an address of the monitor every two seconds. What was seen last stays while it does not answer. */
export function useLook<Name extends Looks>(
  name: Name,
  ...[parts, everyMs]: [...Given<Operations[Name]>, everyMs?: number]
): UseQueryResult<Operations[Name]['answer']> {
  const given = [parts] as Given<Operations[Name]>
  const refetchInterval = (everyMs as number | undefined) ?? EVERY_MS
  return useQuery({ queryKey: [name, parts], queryFn: () => call(name, ...given), refetchInterval })
}
type Looks = Extract<keyof Operations, `GET ${string}`>

export const useMe = () => useLook('GET /api/me', {}, 3_000)

/** Whether the person may change something; false until that is known. */
export const useMayAct = (): boolean => useMe().data?.mayAct ?? false

/** Loading, failed, or what was seen. */
export function Seen<T>({ look, children }: { look: UseQueryResult<T>; children: (data: T) => ReactNode }) {
  const t = useTexts()
  if (look.data !== undefined) return children(look.data)
  if (!look.isError) return <p className="soft">{t.loading}</p>
  return (
    <div className="notice bad row">
      {t.failed} {look.error.message}
      <button type="button" onClick={() => void look.refetch()}>
        {t.again}
      </button>
    </div>
  )
}

/** What is away, in words. */
export function Away({ broker, database }: { broker?: Health | undefined; database?: Health | undefined }) {
  const t = useTexts()
  return (
    <>
      {broker === 'down' && <p className="notice warn">{t.brokerDown}</p>}
      {database === 'down' && <p className="notice warn">{t.databaseDown}</p>}
    </>
  )
}

const TONES: Record<string, string> = {
  running: 'good',
  succeeded: 'good',
  done: 'good',
  started: 'info',
  scheduled: 'info',
  draining: 'warn',
  retried: 'warn',
  paused: 'warn',
  interrupted: 'warn',
  'awaiting-approval': 'warn',
  lost: 'bad',
  parked: 'bad',
}

export function State({ state, more }: { state: string; more?: string | undefined }) {
  const t = useTexts()
  return <span className={`badge ${TONES[state] ?? ''}`}>{more ?? t.states[state] ?? state}</span>
}

interface Column<T> {
  title: string
  isNumber?: boolean
  cell: (item: T) => ReactNode
}

/** A table that becomes labelled lines on a phone. */
export function Rows<T>(props: {
  label: string
  items: readonly T[]
  keyOf: (item: T) => string
  columns: Column<T>[]
}) {
  const { label, items, keyOf, columns } = props
  const tone = (column: Column<T>) => (column.isNumber ? 'number' : undefined)
  return (
    <table aria-label={label}>
      <thead>
        <tr>
          {columns.map(column => (
            <th key={column.title} scope="col" className={tone(column)}>
              {column.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {items.map(item => (
          <tr key={keyOf(item)}>
            {columns.map(column => (
              <td key={column.title} data-label={column.title} className={tone(column)}>
                {column.cell(item)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

export function Title({ children, more }: { children: string; more?: ReactNode }) {
  useEffect(() => {
    document.title = `${children} – SamaConso`
  }, [children])
  return (
    <div className="row spread">
      <h1>{children}</h1>
      {more}
    </div>
  )
}
