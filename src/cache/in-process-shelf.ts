import type { Clock } from '../lib/clock.ts'
import { Lru } from './lru.ts'
import type { Shelf } from './types.ts'

const MAX_BYTES = 16 * 1024 * 1024
/** Characters of the longest text that a shelf takes unless told otherwise. */
export const LONGEST_TEXT = 256 * 1024

/** The shelf of a single process: texts of at most `longest` characters, the least used dropped for want of room. */
export function inProcessShelf(clock: Clock, longest = LONGEST_TEXT): Shelf {
  const texts = new Lru<{ text: string; until: number }>(MAX_BYTES)
  return {
    async put(key, text, ttlMs) {
      refuseLong(text, longest)
      texts.set(key, { text, until: clock.now() + ttlMs }, (text.length + key.length) * 2 + 100)
    },
    async get(key) {
      const kept = texts.get(key)
      return kept && clock.now() < kept.until ? kept.text : null
    },
  }
}

export function refuseLong(text: string, longest: number): void {
  if (text.length > longest) {
    throw new RangeError(`a text of ${text.length} characters on a shelf that takes ${longest}`)
  }
}
