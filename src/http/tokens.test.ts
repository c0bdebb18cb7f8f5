import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, exportSPKI, jwtVerify, SignJWT } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../lib/id.ts'
import { ACCESS_TOKEN_SECONDS, type AccessTokens, type Caller, openAccessTokens } from './index.ts'

const pem = () =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const key = pem()
const caller: Caller = { id: newId(), role: 'agent', agencyId: 3, sessionId: newId() }

let now: number
let tokens: AccessTokens
const clock = { now: () => now }
beforeEach(async () => {
  now = Date.UTC(2026, 2, 7)
  tokens = await openAccessTokens(key, clock)
})

const refusal = (token: string) =>
  tokens.verify(token).then(
    () => null,
    error => error.code as string,
  )

/** A token as ours but for what is changed. */
const forged = (changes: {
  header?: Record<string, unknown>
  claims?: Record<string, unknown>
  issuer?: string
  key?: Parameters<SignJWT['sign']>[0]
}) =>
  new SignJWT({ role: 'admin', sid: newId(), sub: newId(), ...changes.claims })
    .setProtectedHeader({ alg: 'EdDSA', ...changes.header })
    .setIssuer(changes.issuer ?? 'samaconso')
    .setExpirationTime(Math.floor(now / 1_000) + 600)
    .sign(changes.key ?? createPrivateKey(key))

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('an access token', () => {
  it('says who calls, for half an hour', async () => {
    const token = await tokens.issue(caller)
    expect(await tokens.verify(token)).toEqual({
      caller,
      expiresAt: now + ACCESS_TOKEN_SECONDS * 1_000,
      allowance: `account:${caller.id}`,
    })
    now += ACCESS_TOKEN_SECONDS * 1_000 - 1
    expect((await tokens.verify(token)).caller).toEqual(caller)
    now += 1
    expect(await refusal(token)).toBe('session_ended')
  })

  it('has ended in half an hour for an instance that never saw it as well', async () => {
    const token = await tokens.issue(caller)
    now += ACCESS_TOKEN_SECONDS * 1_000
    tokens = await openAccessTokens(key, clock)
    expect(await refusal(token)).toBe('session_ended')
  })

  it('holds no more than it must', async () => {
    const token = await tokens.issue({ ...caller, role: 'customer', agencyId: null })
    expect(Object.keys(decodeJwt(token)).sort()).toEqual(['exp', 'iat', 'iss', 'role', 'sid', 'sub'])
    expect((await tokens.verify(token)).caller.agencyId).toBeNull()
  })

  it('can be checked by others with the published key', async () => {
    const { payload } = await jwtVerify(await tokens.issue(caller), createLocalJWKSet(tokens.jwks), {
      issuer: 'samaconso',
      currentDate: new Date(now),
    })
    expect(payload.sub).toBe(caller.id)
    expect(tokens.jwks.keys[0]).not.toHaveProperty('d')
  })
})

describe('a token that is not ours', () => {
  it('signed with another key is refused', async () => {
    expect(await refusal(await forged({ key: createPrivateKey(pem()) }))).toBe('unauthenticated')
    // The forger’s way is sound: with our key it would have been taken.
    expect(await refusal(await forged({}))).toBeNull()
  })

  it('without a signature is refused', async () => {
    const [, claims] = (await forged({})).split('.')
    for (const alg of ['none', 'None', 'NONE', '']) {
      expect(await refusal(`${base64url({ alg })}.${claims}.`)).toBe('unauthenticated')
      expect(await refusal(`${base64url({ alg })}.${claims}.x`)).toBe('unauthenticated')
    }
  })

  it('signed by our public key as if it were a shared secret is refused', async () => {
    const spki = await exportSPKI(createPublicKey(key))
    const secret = new TextEncoder().encode(spki)
    expect(await refusal(await forged({ header: { alg: 'HS256' }, key: secret }))).toBe('unauthenticated')
  })

  it('that brings its own key in its header is refused', async () => {
    const other = generateKeyPairSync('ed25519')
    const jwk = other.publicKey.export({ format: 'jwk' })
    const token = await forged({ header: { jwk }, key: other.privateKey })
    expect(decodeProtectedHeader(token).jwk).toBeDefined()
    expect(await refusal(token)).toBe('unauthenticated')
  })

  it('of another issuer, or that lacks a claim, is refused', async () => {
    expect(await refusal(await forged({ issuer: 'another' }))).toBe('unauthenticated')
    for (const claim of ['sub', 'sid', 'role']) {
      expect(await refusal(await forged({ claims: { [claim]: undefined } }))).toBe('unauthenticated')
    }
  })

  it('in which anything was changed is refused', async () => {
    const token = await tokens.issue(caller)
    const [header = '', , signature = ''] = token.split('.')
    const claims = base64url({ ...decodeJwt(token), role: 'admin' })
    expect(await refusal(`${header}.${claims}.${signature}`)).toBe('unauthenticated')
    expect(await refusal(`${token.slice(0, -8)}AAAAAAAA`)).toBe('unauthenticated')
    expect(await refusal('')).toBe('unauthenticated')
  })

  it('once refused is refused again: only what was verified is remembered', async () => {
    const token = await forged({ key: createPrivateKey(pem()) })
    expect(await refusal(token)).toBe('unauthenticated')
    expect(await refusal(token)).toBe('unauthenticated')
  })
})

describe('a session that is revoked', () => {
  it('ends its tokens at once, remembered or not, and no others', async () => {
    const remembered = await tokens.issue(caller)
    const unseen = await tokens.issue(caller)
    const other = await tokens.issue({ ...caller, sessionId: newId() })
    await tokens.verify(remembered)
    tokens.revoke([caller.sessionId])
    expect(await refusal(remembered)).toBe('session_ended')
    expect(await refusal(unseen)).toBe('session_ended')
    expect(await refusal(other)).toBeNull()
  })

  it('stays so for as long as a token of it may live, then is forgotten', async () => {
    tokens.revoke([caller.sessionId])
    now += ACCESS_TOKEN_SECONDS * 1_000 - 1_000
    tokens.revoke([newId()])
    expect(await refusal(await tokens.issue(caller))).toBe('session_ended')
    now += 1_000
    tokens.revoke([newId()])
    // A session’s name is never used again; that it is accepted shows that the list does not grow for ever.
    expect(await refusal(await tokens.issue(caller))).toBeNull()
  })
})

describe('memory', () => {
  it('is bounded: with more tokens than are remembered each is still known for what it is', async () => {
    tokens = await openAccessTokens(key, clock, { remembered: 10 })
    const issued = await Promise.all(
      Array.from({ length: 50 }, (_, n) => tokens.issue({ ...caller, id: `customer-${n}` })),
    )
    for (const round of [1, 2]) {
      for (const [n, token] of issued.entries()) {
        expect([round, (await tokens.verify(token)).caller.id]).toEqual([round, `customer-${n}`])
      }
    }
  })

  it('of a connection never stands for another token than the one it brings now', async () => {
    const connection = {}
    const other = { ...caller, id: newId(), sessionId: newId() }
    const [first, second] = [await tokens.issue(caller), await tokens.issue(other)]
    expect(tokens.remembered(`Bearer ${first}`, connection)).toBeUndefined()
    await Promise.all([tokens.verify(first), tokens.verify(second)])
    for (const [token, expected] of [
      [first, caller],
      [first, caller],
      [second, other],
      [first, caller],
    ] as const) {
      expect(tokens.remembered(`Bearer ${token}`, connection)?.caller).toEqual(expected)
    }
    expect(tokens.remembered(`Bearer ${first}x`, connection)).toBeUndefined()
    tokens.revoke([caller.sessionId])
    expect(() => tokens.remembered(`Bearer ${first}`, connection)).toThrow(
      expect.objectContaining({ code: 'session_ended' }),
    )
    now += ACCESS_TOKEN_SECONDS * 1_000
    expect(() => tokens.remembered(`bearer ${second}`, {})).toThrow(
      expect.objectContaining({ code: 'session_ended' }),
    )
  })

  it('makes a known token cheap', async () => {
    const token = await tokens.issue(caller)
    const first = performance.now()
    await tokens.verify(token)
    const once = performance.now() - first
    const then = performance.now()
    for (let i = 0; i < 1_000; i++) await tokens.verify(token)
    expect((performance.now() - then) / 1_000).toBeLessThan(once)
  })
})

it('a key of another kind is refused when it is opened, not at the first sign-in', async () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
  await expect(
    openAccessTokens(rsa.export({ type: 'pkcs8', format: 'pem' }).toString(), clock),
  ).rejects.toThrow('Ed25519')
})
