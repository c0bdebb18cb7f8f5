import { randomUUID } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest, onRequestHookHandler, preValidationHookHandler } from 'fastify'
import { Type } from 'typebox'
import type { Limiter } from '../cache/index.ts'
import type { Clock } from '../lib/clock.ts'
import { Problem } from '../lib/problems.ts'
import { inSpan, isTracing, type Log, metrics } from '../observability/index.ts'
import type { Access } from './caller.ts'
import type { App } from './fastify.ts'
import { type Gate, gatekeeper } from './gate.ts'
import { type Health, healthRoutes } from './health.ts'
import { parseJsonBodies } from './json.ts'
import {
  type Maintenance,
  refuseForMaintenance,
  refusePinForMaintenance,
  SHARED_DOOR,
} from './maintenance.ts'
import { measureRequest, routeName } from './measure.ts'
import { documentRoutes } from './openapi.ts'
import { languageOf, problemBody, toProblem } from './problem.ts'
import type { AccessTokens } from './tokens.ts'
import { endRequestSpan, traceRequests } from './trace.ts'
import { compileValidator } from './validation.ts'

export interface HttpOptions {
  tokens: AccessTokens
  limiter: Limiter
  clock: Clock
  log: Log
  health: Health
  version: string
  limits: Gate['limits']
  trustedBalancers: readonly string[]
  /** Whether customers are not served just now. Never waits. */
  maintenance?: () => Maintenance | undefined
  /** Whether the log takes lines of readings that went well: false saves the work of writing them for nobody. */
  logReadings?: () => boolean
}

const REQUEST_ID = /^[\w.:-]{8,64}$/
const BODY_LIMIT = 64 * 1024

/** The HTTP server of the API, without the routes of the business: `register` adds them. */
export async function buildApp(options: HttpOptions, register: (app: App) => void): Promise<App> {
  const { log, clock } = options
  // Only by whoever serves: a worker has the modules too, whose doors lead here.
  const { default: fastify } = await import('fastify')
  const app = fastify({
    logger: false,
    // A request without a body comes as ended: most do, and waiting for their end costs a tenth of an answer.
    http: { optimizeEmptyRequests: true },
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: 200, ignoreTrailingSlash: false },
    trustProxy: options.trustedBalancers.length > 0 ? [...options.trustedBalancers] : false,
    requestTimeout: 30_000,
    connectionTimeout: 0,
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle',
    genReqId: (request: IncomingMessage) => {
      const given = request.headers['x-request-id']
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
    },
    frameworkErrors(error, request, reply) {
      reply.header('x-request-id', request.id)
      sendProblem(log, error, request, reply)
    },
    clientErrorHandler: (error, socket) => refuseUnreadable(error, socket, randomUUID()),
  }) as unknown as App

  app.setValidatorCompiler(compileValidator)
  parseJsonBodies(app)
  app.decorate('routeTable', [])
  app.decorateRequest('caller', null)
  app.decorateRequest('route', null)
  app.decorateRequest('arrivedAt', 0)
  app.decorateRequest('span', null)
  const gate = gatekeeper(options)
  app.addHook('onRoute', route => {
    const access = route.config?.access ?? (/^\/docs(\/|$)/.test(route.url) ? 'public' : undefined)
    if (!access) throw new Error(`Route ${route.method} ${route.url} does not say who may call it.`)
    if (route.config?.limited === false && access !== 'public') {
      throw new Error(`Route ${route.method} ${route.url} needs the gate: only a public one goes without.`)
    }
    route.config = { ...route.config, access }
    const hooks = [gate({ ...route.config, url: route.url })]
    if (options.maintenance) hooks.push(keepCustomersOut(route.url, access, options.maintenance, clock))
    route.onRequest = [...hooks, ...[route.onRequest ?? []].flat()]
    for (const method of [route.method].flat()) {
      if (method === 'HEAD') continue
      const schema = (route.schema ?? {}) as Record<string, unknown>
      app.routeTable.push({ method, url: route.url, access, schema })
    }
  })
  if (isTracing()) traceRequests(app)
  const gateOfNowhere = gate({ access: 'public' })
  app.addHook('onRequest', function (request, reply, done) {
    if (request.is404) gateOfNowhere.call(this, request, reply, done)
    else done()
  })
  if (options.maintenance) keepPinsOut(app, options.maintenance, clock)
  app.setErrorHandler((error, request, reply) => sendProblem(log, error, request, reply))
  app.setNotFoundHandler((request, reply) => sendProblem(log, new Problem('not_found'), request, reply))
  // When the answer is ready: to hear that its last byte has left costs every request four listeners.
  const note = (request: FastifyRequest, reply: FastifyReply): void => {
    if (!request.route) return
    // Not Fastify's own: it counts only where something waits for the last byte.
    const ms = performance.now() - request.arrivedAt
    measureRequest(request, reply, ms)
    // A refused body was read outside of it.
    if (request.span?.isKept) inSpan(request.span, () => logResponse(options, request, reply, ms))
    else logResponse(options, request, reply, ms)
    endRequestSpan(request, reply)
  }
  app.addHook('onSend', (request, reply, _payload, done) => {
    note(request, reply)
    done()
  })
  app.decorateReply('sendWritten', function (json) {
    this.hijack()
    note(this.request, this)
    const headers = this.getHeaders()
    headers['content-type'] = 'application/json; charset=utf-8'
    headers['content-length'] = json.length
    this.raw.writeHead(200, headers as OutgoingHttpHeaders).end(json)
  })

  await documentRoutes(app, options.version)
  healthRoutes(app, options.health)
  app.get(
    '/.well-known/jwks.json',
    {
      config: { access: 'public' },
      schema: {
        tags: ['sign in'],
        summary: 'Public keys of access tokens',
        response: {
          200: Type.Object({
            keys: Type.Array(Type.Record(Type.String(), Type.String()), {
              examples: [
                [{ kty: 'OKP', crv: 'Ed25519', x: 'mTBa…', kid: 'Nq2k…', alg: 'EdDSA', use: 'sig' }],
              ],
            }),
          }),
        },
      },
    },
    () => options.tokens.jwks as { keys: Record<string, string>[] },
  )
  register(app)
  await app.ready()
  return app
}

/** After the gate, which knows who calls. */
function keepCustomersOut(
  url: string,
  access: Access,
  state: () => Maintenance | undefined,
  clock: Clock,
): onRequestHookHandler {
  return (request, _reply, done) => {
    const maintenance = state()
    if (maintenance) refuseForMaintenance(maintenance, { url, access, caller: request.caller }, clock)
    done()
  }
}

/** At the door that they share with staff. */
function keepPinsOut(app: App, state: () => Maintenance | undefined, clock: Clock): void {
  const refusePin: preValidationHookHandler = (request, _reply, done) => {
    const maintenance = state()
    if (maintenance) refusePinForMaintenance(maintenance, request.body, clock)
    done()
  }
  app.addHook('onRoute', route => {
    if (route.url === SHARED_DOOR) route.preValidation = [refusePin, ...[route.preValidation ?? []].flat()]
  })
}

function sendProblem(log: Log, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error)
  metrics.problems.inc({ code: problem.code })
  if (problem.status >= 500) {
    const fields = {
      event: 'request_failed',
      requestId: request.id,
      problem: problem.code,
      error: problem.cause ?? error,
    }
    if (problem.code === 'internal') log.error(fields)
    else log.warn(fields)
  }
  if (problem.retryAfter !== undefined) reply.header('retry-after', Math.ceil(problem.retryAfter))
  const body = problemBody(problem, languageOf(request.headers['accept-language']), request.id)
  return reply.code(problem.status).type('application/problem+json').serializer(JSON.stringify).send(body)
}

/** What is not even HTTP, or has headers too large: answered like everything else, and hung up. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket, requestId: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const body = JSON.stringify(problemBody(new Problem('malformed'), 'fr', requestId))
  socket.end(
    `HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\nx-request-id: ${requestId}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

/** Reading is the bulk and says little; what changes something or fails is worth its line. */
function logResponse(
  { log, logReadings }: HttpOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  ms: number,
): void {
  const isMereReading = reply.statusCode < 400 && request.method === 'GET'
  if (isMereReading && logReadings?.() === false) return
  const fields = {
    event: 'request',
    requestId: request.id,
    method: request.method,
    route: routeName(request.route),
    status: reply.statusCode,
    ms: Math.round(ms),
    caller: request.caller?.id,
  }
  if (isMereReading) log.debug(fields)
  else log.info(fields)
}
