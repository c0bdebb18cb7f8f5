import { createPublicKey, randomBytes } from 'node:crypto'
import { type JWTPayload, jwtVerify } from 'jose'
import type { ServiceAccount } from './account.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const SCOPES = [
  'https://www.googleapis.com/auth/firebase.messaging',
  'https://www.googleapis.com/auth/cloud-platform',
]
const LONGEST_ASSERTION_S = 3600
const MOST_TOKENS = 10_000

export interface TokenAnswer {
  status: number
  body: Record<string, unknown>
}

export interface TokenIssuer {
  /** Answers the form of an OAuth 2 token request as Google's endpoint does (RFC 7523). Never rejects. */
  exchange(form: string): Promise<TokenAnswer>
  /** Whether an `Authorization` header carries a token issued here and still alive. */
  accepts(authorization: string | undefined): boolean
  /** Forgets every token, as when a key is revoked: their bearers get 401. */
  revokeAll(): void
  issued(): number
}

/** Tokens for one service account. `lifeMs` is what `expires_in` says and what is enforced. */
export function createTokenIssuer(
  account: ServiceAccount,
  options: { lifeMs: number; now: () => number },
): TokenIssuer {
  const publicKey = createPublicKey(account.private_key)
  const expiries = new Map<string, number>()
  let issued = 0

  function issue(): TokenAnswer {
    const token = `ya29.sim.${randomBytes(24).toString('base64url')}`
    if (expiries.size >= MOST_TOKENS) expiries.delete(expiries.keys().next().value ?? '')
    expiries.set(`Bearer ${token}`, options.now() + options.lifeMs)
    issued += 1
    return {
      status: 200,
      body: { access_token: token, expires_in: Math.floor(options.lifeMs / 1000), token_type: 'Bearer' },
    }
  }

  return {
    exchange: async form => {
      const fields = new URLSearchParams(form)
      if (fields.get('grant_type') !== GRANT) {
        return refusal('unsupported_grant_type', 'Invalid grant_type: use the JWT bearer grant.')
      }
      let claims: JWTPayload
      try {
        const verified = await jwtVerify(fields.get('assertion') ?? '', publicKey, {
          algorithms: ['RS256'],
          issuer: account.client_email,
          audience: account.token_uri,
          requiredClaims: ['iat', 'exp'],
          clockTolerance: 10,
          currentDate: new Date(options.now()),
        })
        claims = verified.payload
      } catch (error) {
        return refusal('invalid_grant', `Invalid JWT: ${(error as Error).message}`)
      }
      if ((claims.exp ?? 0) - (claims.iat ?? 0) > LONGEST_ASSERTION_S) {
        return refusal('invalid_grant', 'Invalid JWT: it must be short-lived (60 minutes at most).')
      }
      const scopes = typeof claims.scope === 'string' ? claims.scope.split(' ') : []
      if (!scopes.some(scope => SCOPES.includes(scope))) {
        return refusal('invalid_scope', 'Invalid OAuth scope: it does not cover messaging.')
      }
      return issue()
    },
    accepts: authorization => {
      const expiry = authorization === undefined ? undefined : expiries.get(authorization)
      return expiry !== undefined && expiry > options.now()
    },
    revokeAll: () => expiries.clear(),
    issued: () => issued,
  }
}

const refusal = (error: string, description: string): TokenAnswer => ({
  status: 400,
  body: { error, error_description: description },
})
