import type { FastifyReply, FastifyRequest, preValidationHookHandler } from 'fastify'
import { inSpan, startSpan } from '../observability/index.ts'
import type { App } from './fastify.ts'
import { routeName } from './measure.ts'

const READINGS: ReadonlySet<string> = new Set(['GET', 'HEAD'])

/** Gives every request a span, below the caller's own when it names one (`traceparent`). To be called first of all. */
export function traceRequests(app: App): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const { traceparent } = request.headers
    const span = startSpan(
      request.method,
      'server',
      typeof traceparent === 'string' ? traceparent : undefined,
    )
    request.span = span ?? null
    // A reading causes no work that would have to know that nobody looks.
    if (span && (span.isKept || !READINGS.has(request.method))) inSpan(span, done)
    else done()
  })
  app.addHook('onRoute', route => {
    if ([route.method].flat().every(method => READINGS.has(method))) return
    // A body that was waited for ended outside of it.
    const back: preValidationHookHandler = (request, _reply, done) => inSpan(request.span ?? undefined, done)
    route.preValidation = [back, ...[route.preValidation ?? []].flat()]
  })
}

/** The answer is ready. What balancers ask all the time has no route here, and is not told. */
export function endRequestSpan(
  { span, method, route, id, caller }: FastifyRequest,
  reply: FastifyReply,
): void {
  if (!span?.isKept || !route) return
  const name = routeName(route)
  span.rename(`${method} ${name}`)
  span.set({
    'http.request.method': method,
    'http.route': name,
    'http.response.status_code': reply.statusCode,
    'samaconso.request.id': id,
    ...(caller ? { 'enduser.id': caller.id } : {}),
  })
  if (reply.statusCode >= 500) span.fail(String(reply.statusCode))
  span.end()
}
