import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import type { Limiter } from '../cache/index.ts'
import { Problem } from '../lib/problems.ts'
import { mayCall } from './caller.ts'
import { refuseNulInAddress } from './json.ts'
import type { AccessTokens } from './tokens.ts'

export interface Gate {
  tokens: AccessTokens
  limiter: Limiter
  /** Requests a minute. */
  limits: { perAccount: number; perNetwork: number }
}

const MINUTE = 60_000

/** The first thing that happens to a request: who calls, how often, whether they may. In this order. */
export function gatekeeper({ tokens, limiter, limits }: Gate) {
  async function pass(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    refuseNulInAddress(request.url)
    const access = request.routeOptions.config.access ?? 'public'
    if (access !== 'public') {
      const { caller } = await tokens.verify(bearer(request.headers.authorization))
      request.caller = caller
    }
    const { caller } = request
    const limit = caller ? limits.perAccount : limits.perNetwork
    const allowance = await limiter.take(
      caller ? `account:${caller.id}` : `network:${request.ip}`,
      limit,
      MINUTE,
    )
    reply.header('ratelimit-limit', limit).header('ratelimit-remaining', allowance.remaining)
    if (!allowance.ok) throw new Problem('rate_limited', { retryAfter: allowance.retryAfterMs / 1_000 })
    if (caller && access !== 'public' && !mayCall(caller.role, access)) throw new Problem('forbidden')
  }

  return (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
    reply.header('x-request-id', request.id)
    if (request.routeOptions.config.limited === false) {
      done()
      return
    }
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store')
    pass(request, reply).then(() => done(), done)
  }
}

function bearer(header: string | undefined): string {
  const token = header?.match(/^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i)?.[1]
  if (!token || token.length > 2_000) throw new Problem('unauthenticated')
  return token
}
