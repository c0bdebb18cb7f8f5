import { LONGEST_TEXT, refuseLong } from './in-process-shelf.ts'
import type { RedisLink } from './redis.ts'
import type { Shelf } from './types.ts'

/** The shelf that all processes share: texts of at most `longest` characters. Redis drops what it has no room for. */
export function redisShelf(link: RedisLink, longest = LONGEST_TEXT): Shelf {
  return {
    async put(key, text, ttlMs) {
      refuseLong(text, longest)
      try {
        await link.run(redis => redis.set(`sc:s:${key}`, text, 'PX', Math.max(1, Math.ceil(ttlMs))))
      } catch {
        // Lost, as what lies on a shelf may be. The link tells of the trouble.
      }
    },
    async get(key) {
      try {
        return await link.run(redis => redis.get(`sc:s:${key}`))
      } catch {
        return null
      }
    },
  }
}
