import type { IncomingMessage } from 'node:http'
import fastify, {
  type FastifyReply,
  type FastifyRequest,
  type FastifySchema,
  type HTTPMethods,
} from 'fastify'
import type { App } from '../http/fastify.ts'
import { parseJsonBodies, refuseNulInAddress } from '../http/json.ts'
import { languageOf, problemBody, toProblem } from '../http/problem.ts'
import { compileValidator } from '../http/validation.ts'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/id.ts'
import { Problem } from '../lib/problems.ts'
import type { Log } from '../observability/index.ts'
import { type Account, openDoor, type Visitor } from './door.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, at the monitor. */
    visitor: Visitor
  }
}

export interface MonitorAppOptions {
  user: string
  password: string
  viewer: Account | null
  isReadOnly: boolean
  trustedBalancers: readonly string[]
  clock: Clock
  log: Log
}

export interface MonitorApp {
  app: App
  /** Every route: for the test that walks them all. */
  routes: { method: string; url: string; schema?: FastifySchema | undefined }[]
}

/** Everything from here, nothing inline. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const BODY_LIMIT = 64 * 1024
const METHODS: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** The HTTP server of the monitor; `register` adds what it shows. Nothing passes without signing in. */
export async function buildMonitorApp(
  options: MonitorAppOptions,
  register: (app: App) => void,
): Promise<MonitorApp> {
  const { log, clock, trustedBalancers } = options
  const door = openDoor(options)
  const routes: MonitorApp['routes'] = []
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: 200 },
    exposeHeadRoutes: false,
    trustProxy: trustedBalancers.length > 0 ? [...trustedBalancers] : false,
    requestTimeout: 30_000,
    forceCloseConnections: true,
    genReqId: (_: IncomingMessage) => newId(clock.now()),
    frameworkErrors: (error, request, reply) => sendProblem(log, error, request, reply),
  }) as unknown as App

  app.setValidatorCompiler(compileValidator)
  // Read by people too.
  app.setReplySerializer(payload => `${JSON.stringify(payload, null, 2)}\n`)
  // What answers look like is said for those who read them; they are sent as they are.
  app.setSerializerCompiler(() => data => `${JSON.stringify(data, null, 2)}\n`)
  app.decorateRequest('visitor', null as unknown as Visitor)
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
    })
    request.visitor = door.admit(request.headers.authorization, request.ip)
    refuseNulInAddress(request.url)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      door.permitChange(request.visitor, request.headers)
    }
  })
  parseJsonBodies(app)
  app.addHook('preValidation', async request => {
    // A command without arguments may come without a body.
    if (request.method === 'POST') request.body ??= {}
  })
  app.setErrorHandler((error, request, reply) => sendProblem(log, error, request, reply))
  app.setNotFoundHandler((request, reply) => sendProblem(log, new Problem('not_found'), request, reply))
  app.addHook('onRoute', ({ method, url, schema }) => {
    for (const one of [method].flat()) routes.push({ method: one, url, schema })
  })
  register(app)
  refuseOtherMethods(app, routes)
  await app.ready()
  return { app, routes: routes.slice(0) }
}

function refuseOtherMethods(app: App, routes: MonitorApp['routes']): void {
  const byUrl = Map.groupBy([...routes], route => route.url)
  const own = routes.length
  for (const [url, known] of byUrl) {
    const allowed = known.map(route => route.method)
    app.route({
      method: METHODS.filter(method => !allowed.includes(method)),
      url,
      handler: (_request, reply) => {
        reply.header('allow', allowed.join(', '))
        throw new Problem('method_not_allowed')
      },
    })
  }
  routes.length = own
}

function sendProblem(log: Log, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error)
  if (problem.status >= 500) {
    log.error({ event: 'monitor_failed', requestId: request.id, problem: problem.code, error })
  }
  if (problem.code === 'unauthenticated') {
    reply.header('www-authenticate', 'Basic realm="SamaConso", charset="UTF-8"')
  }
  if (problem.retryAfter !== undefined) reply.header('retry-after', Math.ceil(problem.retryAfter))
  const body = problemBody(problem, languageOf(request.headers['accept-language']), request.id)
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .serializer((payload: unknown) => `${JSON.stringify(payload, null, 2)}\n`)
    .send(body)
}
