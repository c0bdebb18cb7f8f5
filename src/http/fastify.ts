import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyContextConfig, FastifyInstance, FastifyTypeProvider, RawServerDefault } from 'fastify'
import type { Static, TSchema } from 'typebox'
import type { Span } from '../observability/index.ts'
import type { Access, Caller } from './caller.ts'

interface TypeBoxProvider extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown
  serializer: this['schema'] extends TSchema ? Static<this['schema']> : unknown
}

/** Fastify with types from TypeBox schemas. */
export type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, never, TypeBoxProvider>

/** What is known of a route before anybody calls: who may, and its address; none of what no route takes. */
export type Guarded = FastifyContextConfig & { url?: string }

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route; every route must say it. */
    access?: Access
    /** False for what balancers and monitors call all the time. */
    limited?: boolean
  }
  interface FastifyRequest {
    /** Set by the gate on every route that is not public. */
    caller: Caller | null
    /** Set by the gate on every route that is counted and logged. */
    route: Guarded | null
    /** When the gate got a request that is counted and logged, by `performance.now()`. */
    arrivedAt: number
    /** While traces are on: this request's own. */
    span: Span | null
  }
  interface FastifyReply {
    /**
     * Answers 200 with JSON that is already written, as its bytes: past all that Fastify does to find out what it was given,
     * which costs as much as finding such an answer in the cache. The handler returns nothing then.
     */
    sendWritten(json: Buffer): void
  }
  interface FastifyInstance {
    /** Every route with who may call it: for the tests that walk them all. */
    routeTable: RouteEntry[]
  }
}

export interface RouteEntry {
  method: string
  url: string
  access: Access
  schema: Record<string, unknown>
}
