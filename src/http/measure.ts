import type { FastifyReply, FastifyRequest } from 'fastify'
import { metrics, type Series } from '../observability/index.ts'

/** A route's series by method and status, at hand: to ask a request for its route costs more than to count it. */
const known = new WeakMap<object, SeriesOfRoute>()

type SeriesOfRoute = Map<string | number, Series>

/** Counts a request whose answer is ready after `ms`. One that no route takes has no name here: it may be any. */
export function measureRequest(
  { method, route }: FastifyRequest,
  { statusCode }: FastifyReply,
  ms: number,
): void {
  if (!route) return
  const series = seriesOf(route)
  // Most are readings: their status alone is enough, and joins no text.
  const key = method === 'GET' ? statusCode : method + statusCode
  let one = series.get(key)
  if (!one) {
    one = metrics.requests.series(method, routeName(route), String(statusCode))
    series.set(key, one)
  }
  metrics.requests.add(one, ms / 1_000)
}

function seriesOf(route: object): SeriesOfRoute {
  const there = known.get(route)
  if (there) return there
  const series = new Map<string | number, Series>()
  known.set(route, series)
  return series
}

/** The address of a route with the names of its parameters in place of their values. */
export const routeName = (route: { url?: string } | null): string => route?.url ?? 'none'
