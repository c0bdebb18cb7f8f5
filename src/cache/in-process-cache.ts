import type { Clock } from '../lib/clock.ts'
import { encoded } from './encoded.ts'
import { Lru } from './lru.ts'
import type { Cache } from './types.ts'
import { openVersions } from './versions.ts'

const MAX_BYTES = 64 * 1024 * 1024
/** The share of its life after which an answer that is still asked for is loaded anew. */
export const EARLY = 0.8

type Answer = string | Buffer

interface Kept {
  answer: Answer
  /** When its load began, ms by the clock. How long it serves is for each reader to say. */
  loadedAt: number
}

interface Question {
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

  async function fill(full: string, load: () => Promise<Answer>): Promise<Answer> {
    const loadedAt = clock.now()
    const answer = await load()
    const size = typeof answer === 'string' ? answer.length * 2 : answer.length
    answers.set(full, { answer, loadedAt }, size + full.length * 2 + 100)
    return answer
  }

  function flightOf(full: string, { load }: Question): Promise<Answer> {
    const underWay = flights.get(full)
    if (underWay) return underWay
    const flight = fill(full, load).finally(() => flights.delete(full))
    flights.set(full, flight)
    return flight
  }

  function read(scopes: readonly string[], question: Question): Answer | Promise<Answer> {
    // Versions first and counted, so that no key can be read as another key with other versions.
    const full = `${versions.of(scopes)}|${question.key}`
    const kept = answers.get(full)
    if (!kept) return flightOf(full, question)
    const age = clock.now() - kept.loadedAt
    if (age < question.ttlMs) {
      // Nobody waits for it: when it fails, the first who reads after the answer's time hears why.
      if (age >= question.ttlMs * EARLY) flightOf(full, question).catch(() => undefined)
      return kept.answer
    }
    const flight = flightOf(full, question)
    return age < question.ttlMs + question.staleMs ? flight.catch(() => kept.answer) : flight
  }

  return {
    async text(key, scopes, ttlMs, load, staleMs = 0) {
      return (await read(scopes, { key: `text ${key}`, ttlMs, staleMs, load })) as string
    },
    bytes(key, scopes, ttlMs, load, staleMs = 0) {
      const bytes = async () => alone(encoded(await load()))
      return read(scopes, { key: `bytes ${key}`, ttlMs, staleMs, load: bytes }) as Buffer | Promise<Buffer>
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
