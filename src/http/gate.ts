import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import type { Allowance, Limiter } from '../cache/index.ts'
import { Problem } from '../lib/problems.ts'
import { type Access, type Caller, mayCall } from './caller.ts'
import type { Guarded } from './fastify.ts'
import { forgetTypeOfNoBody, refuseNulInAddress } from './json.ts'
import type { AccessTokens, Known } from './tokens.ts'

export interface Gate {
  tokens: AccessTokens
  limiter: Limiter
  /** Requests a minute. */
  limits: { perAccount: number; perNetwork: number }
}

const MINUTE = 60_000

/**
 * The first thing that happens to a request: who calls, how often, whether they may. In this order. Nothing is waited
 * for as long as the token is remembered and the limiter answers at once. Gives the hook of one route: to ask a request
 * for its route costs more than all that the gate does.
 */
export function gatekeeper({ tokens, limiter, limits }: Gate): (route: Guarded) => onRequestHookHandler {
  function pass(request: FastifyRequest, reply: FastifyReply, access: Access): Promise<void> | undefined {
    refuseNulInAddress(request.url)
    if (access === 'public') return take(reply, `network:${request.ip}`, limits.perNetwork)
    const { authorization } = request.headers
    const known = authorization ? tokens.remembered(authorization, request.socket) : undefined
    if (known) return admit(request, reply, known, access)
    return authenticate(request, reply).then(genuine => admit(request, reply, genuine, access))
  }

  function admit(
    request: FastifyRequest,
    reply: FastifyReply,
    { caller, allowance }: Known,
    access: Exclude<Access, 'public'>,
  ): Promise<void> | undefined {
    request.caller = caller
    const taken = take(reply, allowance, limits.perAccount)
    if (taken) return taken.then(() => refuseOthers(caller, access))
    refuseOthers(caller, access)
  }

  /** What is no token at all counts against its network; one that merely ended is somebody's, who will sign in again. */
  async function authenticate(request: FastifyRequest, reply: FastifyReply): Promise<Known> {
    try {
      return await tokens.verify(bearer(request.headers.authorization))
    } catch (error) {
      if (error instanceof Problem && error.code === 'unauthenticated') {
        await take(reply, `network:${request.ip}`, limits.perNetwork)
      }
      throw error
    }
  }

  function take(reply: FastifyReply, key: string, limit: number): Promise<void> | undefined {
    const allowance = limiter.take(key, limit, MINUTE)
    if (allowance instanceof Promise) return allowance.then(later => tell(reply, limit, later))
    tell(reply, limit, allowance)
  }

  return route => {
    const { limited, access = 'public' } = route
    return (request, reply, done) => {
      reply.header('x-request-id', request.id)
      forgetTypeOfNoBody(request)
      if (limited === false) {
        done()
        return
      }
      request.route = route
      request.arrivedAt = performance.now()
      reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store')
      let passing: Promise<void> | undefined
      try {
        passing = pass(request, reply, access)
      } catch (error) {
        done(error as Error)
        return
      }
      if (passing) passing.then(() => done(), done)
      else done()
    }
  }
}

function tell(reply: FastifyReply, limit: number, { ok, remaining, retryAfterMs }: Allowance): void {
  reply.header('ratelimit-limit', limit).header('ratelimit-remaining', remaining)
  if (!ok) throw new Problem('rate_limited', { retryAfter: retryAfterMs / 1_000 })
}

function refuseOthers(caller: Caller, access: Exclude<Access, 'public'>): void {
  if (!mayCall(caller.role, access)) throw new Problem('forbidden')
}

function bearer(header: string | undefined): string {
  const token = header?.match(/^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i)?.[1]
  if (!token || token.length > 2_000) throw new Problem('unauthenticated')
  return token
}
