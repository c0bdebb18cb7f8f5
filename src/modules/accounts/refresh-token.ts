import {
  deriveKey,
  equalBytes,
  randomSecret,
  type Secrets,
  sealWith,
  sha256,
  unsealWith,
} from '../../lib/secrets.ts'

/**
 * `<session>.<secret>.<mac>`: the mac, under a key of the server, tells a token that we once issued from anything made
 * up, so that only a real one can end its session by being used twice.
 */
const SHAPE = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([\w-]{43})\.([\w-]{43})$/

export function newRefreshToken(secrets: Secrets, sessionId: string): string {
  const head = `${sessionId}.${randomSecret()}`
  return `${head}.${macOf(secrets, head)}`
}

/** The session of a token that we issued, and what is kept of the token; null for anything else. */
export function readRefreshToken(
  secrets: Secrets,
  token: string,
): { sessionId: string; hash: Buffer } | null {
  const [, sessionId, secret, mac] = SHAPE.exec(token) ?? []
  if (!sessionId || !mac) return null
  const expected = macOf(secrets, `${sessionId}.${secret}`)
  if (!equalBytes(Buffer.from(mac), Buffer.from(expected))) return null
  return { sessionId, hash: sha256(token) }
}

/** A successor is kept under a key that only the token before it gives: the database alone cannot tell it. */
export const sealSuccessor = (token: string, successor: string): Buffer =>
  sealWith(deriveKey(token, 'refresh successor'), successor)

export const unsealSuccessor = (token: string, sealed: Buffer): string =>
  unsealWith(deriveKey(token, 'refresh successor'), sealed)

const macOf = (secrets: Secrets, head: string): string =>
  secrets.hmac('refresh token', head).toString('base64url')
