import { randomBytes } from 'node:crypto'
import { RedisAway, type RedisLink } from './redis.ts'

/** What a cached answer depends on, and the answer if there is one that these versions allow. */
export interface Sight {
  /** Versions of everything that the answer depends on, as one text; never the same again after a bump. */
  versions: string
  /** Redis's clock, ms, read after the versions: what is loaded from now on is not older. */
  now: number
  answer?: { payload: Buffer; loadedAt: number }
}

/** Lookups that go out together. */
const TOGETHER = 100
/** Versions outlive answers, and are kept alive by whatever is kept under them. */
export const VERSION_SECONDS = 600

export interface Names {
  /** The version that every answer depends on. */
  world(): string
  scope(scope: string): string
}

interface Lookup {
  answerKey: string
  scopes: readonly string[]
  promise: Promise<Sight>
  resolve: (sight: Sight | PromiseLike<Sight>) => void
  reject: (error: unknown) => void
}

/**
 * Looks an answer up together with the versions that it depends on: one round trip for all who ask within the same turn
 * of the event loop, and one more where a version is missing. Who asks later never gets an answer to an earlier
 * question, which could be older than what they know of. Rejects as the link does.
 */
export function openLookups(link: RedisLink, names: Names) {
  let waiting = new Map<string, Lookup>()

  function flush(): void {
    const lookups = [...waiting.values()]
    waiting = new Map()
    if (lookups.length === 0) return
    // The names belong to the run of the server that answers.
    const keys: string[] = []
    for (const { answerKey, scopes } of lookups)
      keys.push(answerKey, names.world(), ...scopes.map(names.scope))
    link
      .batch(pipeline => pipeline.mgetBuffer(keys).time())
      .then(
        ([values, time]) => {
          const now = millis(time)
          let from = 0
          for (const lookup of lookups) {
            const count = lookup.scopes.length + 1
            const answer = (values as (Buffer | null)[])[from] ?? null
            const versions = (values as (Buffer | null)[]).slice(from + 1, from + 1 + count)
            const versionKeys = keys.slice(from + 1, from + 1 + count)
            from += count + 1
            lookup.resolve(
              versions.includes(null)
                ? settle(link, versionKeys)
                : sightOf(versions as Buffer[], now, answer),
            )
          }
        },
        error => {
          for (const lookup of lookups) lookup.reject(error)
        },
      )
  }

  return (answerKey: string, scopes: readonly string[]): Promise<Sight> => {
    const same = waiting.get(answerKey)
    if (same && isSame(same.scopes, scopes)) return same.promise
    // Another question under the same name, or enough for one round trip.
    if (same || waiting.size >= TOGETHER) flush()
    if (waiting.size === 0) setImmediate(flush)
    const { promise, resolve, reject } = Promise.withResolvers<Sight>()
    waiting.set(answerKey, { answerKey, scopes, promise, resolve, reject })
    return promise
  }
}

/** Gives missing versions a value that never was, before anything is loaded under it. */
async function settle(link: RedisLink, versionKeys: string[]): Promise<Sight> {
  const answers = await link.batch(pipeline => {
    for (const key of versionKeys) pipeline.set(key, newVersion(), 'EX', VERSION_SECONDS, 'NX')
    pipeline.mgetBuffer(versionKeys).time()
  })
  const versions = answers.at(-2) as (Buffer | null)[]
  if (versions.includes(null)) throw new RedisAway('Redis keeps no versions: it has no room')
  return sightOf(versions as Buffer[], millis(answers.at(-1)), null)
}

const newVersion = (): string => randomBytes(12).toString('base64url')

const millis = (time: unknown): number => {
  const [seconds, micros] = time as [number | string, number | string]
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000)
}

function sightOf(found: Buffer[], now: number, stored: Buffer | null): Sight {
  const versions = found.map(version => version.toString('latin1')).join(',')
  const answer = stored && unpack(stored, versions)
  return answer ? { versions, now, answer } : { versions, now }
}

const LINE_END = 10

/** An answer as it is kept: under which versions and when it was loaded, one line; then its bytes. */
export const pack = (versions: string, loadedAt: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${versions} ${loadedAt}\n`), payload])

function unpack(stored: Buffer, versions: string): { payload: Buffer; loadedAt: number } | undefined {
  const end = stored.indexOf(LINE_END)
  if (end < versions.length + 2 || stored.toString('latin1', 0, versions.length + 1) !== `${versions} `)
    return undefined
  return {
    payload: stored.subarray(end + 1),
    loadedAt: Number(stored.toString('latin1', versions.length + 1, end)),
  }
}

const isSame = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((scope, at) => scope === others[at])
