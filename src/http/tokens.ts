import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, type JWK, jwtVerify, SignJWT } from 'jose'
import { Lru } from '../cache/index.ts'
import type { Clock } from '../lib/clock.ts'
import { Problem } from '../lib/problems.ts'
import type { Caller, Role } from './caller.ts'

/** Access tokens live half an hour. */
export const ACCESS_TOKEN_SECONDS = 1_800
const ISSUER = 'samaconso'
const BEARER = /^bearer /i
/** Verified tokens in memory, some 500 bytes each. */
const REMEMBERED = 50_000

export interface AccessTokens {
  issue(caller: Caller): Promise<string>
  /** The caller of a token that is genuine, alive and not revoked; `Problem('unauthenticated' | 'session_ended')` otherwise. */
  verify(token: string): Promise<Known>
  /**
   * What `verify` found before for the token of this header, at once; undefined when it has to be asked.
   * `Problem('session_ended')` as there. A kept connection mostly brings the header it brought before: comparing the two
   * is cheaper than looking one up.
   */
  remembered(authorization: string, connection: object): Known | undefined
  /** From now on tokens of these sessions are refused. Forgets them when their tokens are dead anyway. */
  revoke(sessionIds: readonly string[]): void
  /** Public keys, for /.well-known/jwks.json. */
  jwks: { keys: JWK[] }
}

/** A genuine token. */
export interface Known {
  caller: Caller
  expiresAt: number
  /** Under which the caller's requests are counted: made once, not for each of them. */
  allowance: string
}

/** EdDSA tokens, verified once and remembered for their short life. */
export async function openAccessTokens(
  privateKeyPem: string,
  clock: Clock,
  { remembered = REMEMBERED }: { remembered?: number } = {},
): Promise<AccessTokens> {
  const privateKey = createPrivateKey(privateKeyPem)
  if (privateKey.asymmetricKeyType !== 'ed25519')
    throw new Error('Access tokens are signed with an Ed25519 key.')
  const publicKey: KeyObject = createPublicKey(privateKey)
  const jwk = await exportJWK(publicKey)
  const kid = await calculateJwkThumbprint(jwk)
  const known = new Lru<Known>(remembered)
  const lately = new WeakMap<object, { authorization: string; entry: Known }>()
  const revoked = new Map<string, number>()

  function refuseEnded({ caller, expiresAt }: Known): void {
    if (expiresAt <= clock.now() || revoked.has(caller.sessionId)) throw new Problem('session_ended')
  }

  async function read(token: string): Promise<Known> {
    const { payload } = await jwtVerify(token, publicKey, {
      issuer: ISSUER,
      algorithms: ['EdDSA'],
      currentDate: new Date(clock.now()),
      requiredClaims: ['sub', 'sid', 'role', 'exp'],
    }).catch(cause => {
      const ended = (cause as { code?: string }).code === 'ERR_JWT_EXPIRED'
      throw new Problem(ended ? 'session_ended' : 'unauthenticated', { cause })
    })
    return {
      caller: {
        id: payload.sub as string,
        role: payload.role as Role,
        agencyId: (payload.agency as number | undefined) ?? null,
        sessionId: payload.sid as string,
      },
      expiresAt: (payload.exp as number) * 1_000,
      allowance: `account:${payload.sub}`,
    }
  }

  return {
    issue(caller) {
      const now = Math.floor(clock.now() / 1_000)
      return new SignJWT({
        role: caller.role,
        sid: caller.sessionId,
        ...(caller.agencyId === null ? {} : { agency: caller.agencyId }),
      })
        .setProtectedHeader({ alg: 'EdDSA', kid })
        .setIssuer(ISSUER)
        .setSubject(caller.id)
        .setIssuedAt(now)
        .setExpirationTime(now + ACCESS_TOKEN_SECONDS)
        .sign(privateKey)
    },
    async verify(token) {
      let entry = known.get(token)
      if (!entry) {
        entry = await read(token)
        known.set(token, entry)
      }
      refuseEnded(entry)
      return entry
    },
    remembered(authorization, connection) {
      const last = lately.get(connection)
      if (last?.authorization === authorization) {
        refuseEnded(last.entry)
        return last.entry
      }
      const entry = BEARER.test(authorization) ? known.get(authorization.slice(7)) : undefined
      if (!entry) return undefined
      refuseEnded(entry)
      lately.set(connection, { authorization, entry })
      return entry
    },
    revoke(sessionIds) {
      const now = clock.now()
      for (const id of sessionIds) {
        revoked.delete(id)
        revoked.set(id, now + ACCESS_TOKEN_SECONDS * 1_000)
      }
      for (const [id, until] of revoked) {
        if (until > now) break
        revoked.delete(id)
      }
    },
    jwks: { keys: [{ ...jwk, kid, alg: 'EdDSA', use: 'sig' }] },
  }
}
