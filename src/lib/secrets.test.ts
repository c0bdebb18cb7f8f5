import { hash as argon2Hash } from '@node-rs/argon2'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ARGON2,
  deriveKey,
  equalBytes,
  openSecrets,
  randomSecret,
  sealWith,
  sha256,
  unsealWith,
} from './secrets.ts'

const keys = { pepper: randomSecret(), sealKey: randomSecret() }
const secrets = openSecrets(keys)

async function ms(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

describe('a PIN or password', () => {
  it('is recognised by its hash alone, and nothing else is', async () => {
    const hash = await secrets.hash('7394')
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(hash).not.toContain('7394')
    expect(await secrets.verify(hash, '7394')).toBe(true)
    expect(await secrets.verify(hash, '7395')).toBe(false)
    expect(await secrets.verify(hash, '')).toBe(false)
  })

  it('has another hash each time', async () => {
    expect(await secrets.hash('7394')).not.toBe(await secrets.hash('7394'))
  })

  it('cannot be tried against a stolen hash without the server’s pepper', async () => {
    const hash = await secrets.hash('7394')
    const thief = openSecrets({ ...keys, pepper: randomSecret() })
    expect(await thief.verify(hash, '7394')).toBe(false)
  })

  it('of an account that does not exist is wrong, at the cost of one that does', async () => {
    const hash = await secrets.hash('7394')
    const known: number[] = []
    const unknown: number[] = []
    for (let i = 0; i < 7; i++) {
      known.push(await ms(() => secrets.verify(hash, '1111')))
      unknown.push(await ms(async () => expect(await secrets.verify(null, '1111')).toBe(false)))
    }
    const median = (values: number[]) => values.toSorted((a, b) => a - b)[3] as number
    const ratio = median(unknown) / median(known)
    expect(ratio).toBeGreaterThan(0.4)
    expect(ratio).toBeLessThan(2.5)
  })
})

describe('a thousand sign-ins at once', () => {
  it('take no more memory than the slots and the line allow: the rest are refused at once, as unavailable', async () => {
    const small = openSecrets({ ...keys, slots: 1, maxWaiting: 3 })
    const hash = await argon2Hash('7394', { ...ARGON2, secret: deriveKey(keys.pepper, 'pepper') })
    await small.verify(null, 'the decoy is made')
    const refusedAfter: number[] = []
    const startedAt = performance.now()
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, () =>
        small.verify(hash, '7394').catch(error => {
          refusedAfter.push(performance.now() - startedAt)
          throw error
        }),
      ),
    )
    const served = results.filter(({ status }) => status === 'fulfilled')
    expect(served).toHaveLength(4)
    expect(served.every(result => result.status === 'fulfilled' && result.value)).toBe(true)
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'unavailable', retryAfter: 3 },
    })
    expect(Math.max(...refusedAfter)).toBeLessThan(performance.now() - startedAt)
  })

  it('leave the line free behind them, also when a hash fails', async () => {
    const small = openSecrets({ ...keys, slots: 1, maxWaiting: 2 })
    const failures = await Promise.allSettled([
      small.verify('not a hash', 'x'),
      small.verify('nor this', 'x'),
    ])
    expect(failures.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await small.verify(await small.hash('7394'), '7394')).toBe(true)
  })
})

describe('what is sealed', () => {
  it('comes back whole', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        expect(secrets.unseal(secrets.seal(text))).toBe(text)
      }),
    )
  })

  it('shows nothing of the text and is never twice the same', () => {
    const text = 'Votre code est 123456'
    const sealed = secrets.seal(text)
    expect(sealed.includes('123456')).toBe(false)
    expect(sealed.equals(secrets.seal(text))).toBe(false)
  })

  it('is refused when any byte of it was changed, or some are missing', () => {
    const sealed = secrets.seal('Votre code est 123456')
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed[at] = (changed[at] as number) ^ 1
      expect(() => secrets.unseal(changed)).toThrow()
      expect(() => secrets.unseal(sealed.subarray(0, at))).toThrow()
    }
  })

  it('is refused with a tag cut short, which could be guessed', () => {
    const sealed = secrets.seal('')
    for (const bytes of [4, 8, 12, 15]) {
      expect(() => secrets.unseal(sealed.subarray(0, 12 + bytes))).toThrow()
    }
  })

  it('opens under its own key alone', () => {
    const sealed = sealWith(deriveKey('one', 'x'), 'text')
    expect(() => unsealWith(deriveKey('another', 'x'), sealed)).toThrow()
    expect(() => unsealWith(deriveKey('one', 'y'), sealed)).toThrow()
  })
})

it('a code is bound to its purpose and to the server’s key', () => {
  const code = secrets.hmac('register', '123456')
  expect(code).toHaveLength(32)
  expect(equalBytes(code, secrets.hmac('register', '123456'))).toBe(true)
  expect(equalBytes(code, secrets.hmac('pin-reset', '123456'))).toBe(false)
  expect(equalBytes(code, openSecrets({ ...keys, sealKey: randomSecret() }).hmac('register', '123456'))).toBe(
    false,
  )
})

it('bytes are compared whole: a prefix is not equal', () => {
  expect(equalBytes(sha256('a'), sha256('a'))).toBe(true)
  expect(equalBytes(sha256('a'), sha256('a').subarray(0, 31))).toBe(false)
  expect(new Set(Array.from({ length: 1_000 }, randomSecret)).size).toBe(1_000)
})
