import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { hash as argon2Hash, verify as argon2Verify } from '@node-rs/argon2'
import { Problem } from './problems.ts'

/** Cryptography with the server's own keys. */
export interface Secrets {
  /** Hashes a PIN or password: argon2id, 19 MiB, t=2, with the pepper. Rejects with `unavailable` when too many wait. */
  hash(plain: string): Promise<string>
  /** Whether `plain` is what was hashed. Costs the same for a null hash, so an absent account cannot be told by time. */
  verify(hash: string | null, plain: string): Promise<boolean>
  /** HMAC-SHA-256 under a key of the server, for short codes. */
  hmac(purpose: string, value: string): Buffer
  /** AES-256-GCM under a key of the server. */
  seal(plain: string): Buffer
  /** Throws when tampered with. */
  unseal(sealed: Buffer): string
}

export const sha256 = (value: string | Buffer): Buffer => createHash('sha256').update(value).digest()

export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b)

/** A random secret of 32 bytes as URL-safe text. */
export const randomSecret = (): string => randomBytes(32).toString('base64url')

/** A key of 32 bytes for one purpose, from a secret of any length. */
export const deriveKey = (secret: string | Uint8Array, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, 'samaconso', purpose, 32))

export const hmacWith = (key: Uint8Array, value: string): Buffer =>
  createHmac('sha256', key).update(value).digest()

/** AES-256-GCM: nonce, tag and text in one buffer. */
export function sealWith(key: Uint8Array, plain: string): Buffer {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const text = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), text])
}

/** The text of `sealWith`; throws when the key is another or the bytes were changed. */
export function unsealWith(key: Uint8Array, sealed: Buffer): string {
  // A tag cut short would be accepted otherwise, and is quickly guessed.
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 })
  decipher.setAuthTag(sealed.subarray(12, 28))
  return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString('utf8')
}

/** argon2id as OWASP advises: 19 MiB, two passes, one lane. */
export const ARGON2 = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

export interface SecretsOptions {
  pepper: string
  sealKey: string
  /** Hashes under way at once: each takes 20 MB and a core. */
  slots?: number
  /** Hashes that may wait; one more is refused at once. */
  maxWaiting?: number
}

/** Opens the cryptography of a process. Memory is bounded: `slots` hashes at once, `maxWaiting` behind them. */
export function openSecrets({ pepper, sealKey, slots = 2, maxWaiting = 200 }: SecretsOptions): Secrets {
  const secret = deriveKey(pepper, 'pepper')
  const sealing = deriveKey(sealKey, 'seal')
  const queue = boundedQueue(slots, maxWaiting)
  // A hash that nothing matches, made once, so that an unknown account costs what a known one costs.
  const decoy = queue(() => argon2Hash(randomSecret(), { ...ARGON2, secret }))
  decoy.catch(() => undefined)
  return {
    hash: plain => queue(() => argon2Hash(plain, { ...ARGON2, secret })),
    async verify(hash, plain) {
      const against = hash ?? (await decoy)
      const matches = await queue(() => argon2Verify(against, plain, { secret }))
      return matches && hash !== null
    },
    hmac: (purpose, value) => hmacWith(deriveKey(sealKey, `hmac ${purpose}`), value),
    seal: plain => sealWith(sealing, plain),
    unseal: sealed => unsealWith(sealing, sealed),
  }
}

function boundedQueue(slots: number, maxWaiting: number) {
  const waiting: (() => void)[] = []
  let busy = 0
  return async function run<T>(work: () => Promise<T>): Promise<T> {
    if (busy >= slots) {
      if (waiting.length >= maxWaiting) throw new Problem('unavailable', { retryAfter: 3 })
      await new Promise<void>(resolve => waiting.push(resolve))
    } else busy++
    try {
      return await work()
    } finally {
      // The slot goes to the next in line, or back.
      const next = waiting.shift()
      if (next) next()
      else busy--
    }
  }
}
