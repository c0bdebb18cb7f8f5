import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { App } from './fastify.ts'

export type ServiceState = 'ok' | 'down'

export interface Health {
  version: string
  instance: string
  /** Whether this instance can serve customers, and what is missing. Never waits: checks run in the background. */
  report(): { status: 'running' | 'draining' | 'unavailable'; services: Record<string, ServiceState> }
}

const Report = Type.Object({
  status: Type.String({ enum: ['running', 'draining', 'unavailable'], examples: ['running'] }),
  version: Type.String({ examples: ['0.1.0'] }),
  instance: Type.String({ examples: ['samaconso_api_1'] }),
  degraded: Type.Optional(
    Type.Boolean({ description: 'Something that this instance can do without is away' }),
  ),
  services: Type.Record(Type.String(), Type.String({ enum: ['ok', 'down'] }), {
    examples: [{ database: 'ok', cache: 'ok', broker: 'ok', sic: 'down' }],
  }),
})

const Status = Type.Object({ status: Type.String({ examples: ['running'] }) })

/**
 * For balancers and people. A dependency that is away does not take an instance out: every instance would go at once.
 */
export function healthRoutes(app: App, health: Health): void {
  const textOf = reportText(health)
  const config = { access: 'public', limited: false } as const

  app.get(
    '/health',
    {
      config,
      schema: {
        tags: ['health'],
        summary: 'State of this instance and of what it needs',
        response: { 200: Report, 503: Report },
      },
    },
    (_request, reply) => {
      const { status, services } = health.report()
      if (status !== 'running') reply.code(503)
      const plain = reply as FastifyReply
      plain.header('content-type', 'application/json; charset=utf-8').send(textOf(status, services))
    },
  )
  app.get(
    '/health/live',
    {
      config,
      schema: {
        tags: ['health'],
        summary: 'The process answers',
        response: { 200: Status },
      },
    },
    () => ({ status: 'running' }),
  )
  app.get(
    '/health/ready',
    {
      config,
      schema: {
        tags: ['health'],
        summary: 'Whether to send customers here',
        response: {
          200: Status,
          503: Status,
        },
      },
    },
    (_request, reply) => {
      const { status } = health.report()
      reply.code(status === 'running' ? 200 : 503).send({ status })
    },
  )
}

/** The body of /health, written anew only when something in it changed: balancers and monitors ask all the time. */
function reportText({ version, instance }: Health) {
  let known = ''
  let text = ''
  return (status: string, services: Record<string, ServiceState>): string => {
    let now = status
    for (const name in services) now += ` ${name} ${services[name]}`
    if (now !== known) {
      const degraded = Object.values(services).includes('down')
      text = JSON.stringify({ status, version, instance, ...(degraded ? { degraded } : {}), services })
      known = now
    }
    return text
  }
}

/**
 * Looks at the dependencies every `everyMs` and remembers. A look that does not end in time counts as down.
 */
export function watchHealth(options: {
  version: string
  instance: string
  checks: Record<string, () => Promise<boolean>>
  /** Without these the instance is of no use. */
  vital: readonly string[]
  everyMs?: number
}): Health & { looked: Promise<unknown>; drain(): void; stop(): void } {
  const services: Record<string, ServiceState> = Object.fromEntries(
    Object.keys(options.checks).map(name => [name, 'ok' as const]),
  )
  let draining = false
  const looking = new Set<string>()

  async function look(name: string, check: () => Promise<boolean>): Promise<void> {
    // A look still under way since the last round has not answered: down until it does.
    if (looking.has(name)) {
      services[name] = 'down'
      return
    }
    looking.add(name)
    // Whatever fails in a look is an answer: down.
    const ok = await Promise.resolve()
      .then(check)
      .catch(() => false)
    looking.delete(name)
    services[name] = ok ? 'ok' : 'down'
  }

  const round = () => Promise.all(Object.entries(options.checks).map(([name, check]) => look(name, check)))
  const looked = round()
  const timer = setInterval(round, options.everyMs ?? 2_000)
  timer.unref()
  return {
    version: options.version,
    instance: options.instance,
    /** Resolves when the first look at everything has ended; until then all counts as there. */
    looked,
    report() {
      const unavailable = options.vital.some(name => services[name] === 'down')
      return { status: draining ? 'draining' : unavailable ? 'unavailable' : 'running', services }
    },
    drain() {
      draining = true
    },
    stop: () => clearInterval(timer),
  }
}
