import { inPlace } from './network.ts'
import { run } from './run.ts'

export interface Sample {
  metric: Record<string, string>
  value: number
}

export interface Series {
  metric: Record<string, string>
  /** Seconds since 1970 and the value then. */
  values: [number, number][]
}

const URL = 'http://127.0.0.1:9090/api/v1'

async function ask<T>(path: string, fields: Record<string, string | number>): Promise<T> {
  const given = Object.entries(fields).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`])
  const answer = await run([
    ...inPlace('server3'),
    'curl',
    '-sS',
    '--max-time',
    '30',
    ...given,
    `${URL}/${path}`,
  ])
  const { status, data, error } = JSON.parse(answer) as { status: string; data: T; error?: string }
  if (status !== 'success') throw new Error(`Prometheus: ${error}`)
  return data
}

/** What the laboratory's Prometheus answers now. */
export async function query(expr: string): Promise<Sample[]> {
  const { result } = await ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
    'query',
    { query: expr },
  )
  return result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }))
}

/** The series of a selector between two moments (s), every `step` seconds. */
export async function queryRange(expr: string, start: number, end: number, step: number): Promise<Series[]> {
  const { result } = await ask<{ result: { metric: Record<string, string>; values: [number, string][] }[] }>(
    'query_range',
    { query: expr, start, end, step },
  )
  return result.map(({ metric, values }) => ({
    metric,
    values: values.map(([at, value]): [number, number] => [at, Number(value)]),
  }))
}

/** Which metrics only grow. */
export async function countersKnown(): Promise<Set<string>> {
  const known = await ask<Record<string, { type: string }[]>>('metadata', {})
  return new Set(
    Object.entries(known).flatMap(([name, [first]]) =>
      first?.type === 'counter'
        ? [name]
        : first?.type === 'histogram' || first?.type === 'summary'
          ? [`${name}_bucket`, `${name}_sum`, `${name}_count`]
          : [],
    ),
  )
}
