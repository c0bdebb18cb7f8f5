import type { Clock } from '../lib/clock.ts'
import { encoded } from './encoded.ts'
import { Lru } from './lru.ts'
import type { Cache } from './types.ts'
import { keyAt, openVersions } from './versions.ts'

const MAX_BYTES = 64 * 1024 * 1024
/** The share of its life after which an answer that is still asked for is loaded anew. */
export const EARLY = 0.8

type Answer = string | Buffer

type Kind = 'text' | 'bytes'

interface Kept {
  /** One kept as the other kind is no answer: nobody joins the kind to the key, at every reading, for who asks for both. */
  kind: Kind
  answer: Answer
  /** The versions of what it depends on, when its load began. */
  versions: readonly number[]
  /** When its load began, ms by the clock. How long it serves is for each reader to say. */
  loadedAt: number
}

interface Question {
  kind: Kind
  key: string
  ttlMs: number
  staleMs: number
  load: () => Promise<Answer>
}

/** Not as a part of a larger piece of memory, which would be kept whole. */
const alone = (bytes: Buffer): Buffer =>
  bytes.length === bytes.buffer.byteLength ? bytes : Buffer.from(bytes)

/** The cache of a single process. */
export function inProcessCache(clock: Clock): Cache {
  const answers = new Lru<Kept>(MAX_BYTES)
  const versions = openVersions()
  const flights = new Map<string, Promise<Answer>>()

  async function fill(
    scopes: readonly string[],
    known: readonly number[],
    { kind, key, load }: Question,
  ): Promise<Answer> {
    const loadedAt = clock.now()
    const answer = await load()
    // What is of the past already takes nobody's place.
    if (!versions.are(scopes, known)) return answer
    const size = typeof answer === 'string' ? answer.length * 2 : answer.length
    answers.set(key, { kind, answer, versions: known, loadedAt }, size + key.length * 2 + 150)
    return answer
  }

  /** Nobody joins a load that began before the last change. */
  function flightOf(scopes: readonly string[], question: Question): Promise<Answer> {
    const known = versions.of(scopes)
    const full = keyAt(known, `${question.kind} ${question.key}`)
    const underWay = flights.get(full)
    if (underWay) return underWay
    const flight = fill(scopes, known, question).finally(() => flights.delete(full))
    flights.set(full, flight)
    return flight
  }

  function read(scopes: readonly string[], question: Question): Answer | Promise<Answer> {
    const kept = answers.get(question.key)
    if (kept?.kind !== question.kind || !versions.are(scopes, kept.versions))
      return flightOf(scopes, question)
    const age = clock.now() - kept.loadedAt
    if (age < question.ttlMs) {
      // Nobody waits for it: when it fails, the first who reads after the answer's time hears why.
      if (age >= question.ttlMs * EARLY) flightOf(scopes, question).catch(() => undefined)
      return kept.answer
    }
    const flight = flightOf(scopes, question)
    return age < question.ttlMs + question.staleMs ? flight.catch(() => kept.answer) : flight
  }

  return {
    async text(key, scopes, ttlMs, load, staleMs = 0) {
      return (await read(scopes, { kind: 'text', key, ttlMs, staleMs, load })) as string
    },
    bytes(key, scopes, ttlMs, load, staleMs = 0) {
      const bytes = async () => alone(encoded(await load()))
      return read(scopes, { kind: 'bytes', key, ttlMs, staleMs, load: bytes }) as Buffer | Promise<Buffer>
    },
    async bump(...scopes) {
      versions.bump(scopes)
    },
    state: () => 'ok',
    async close() {
      flights.clear()
    },
  }
}
