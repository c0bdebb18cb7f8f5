import { setTimeout } from 'node:timers/promises'
import { encoded } from './encoded.ts'
import { EARLY } from './in-process-cache.ts'
import { MAX_RECONNECT_MS, type RedisLink } from './redis.ts'
import { openLookups, pack, type Sight, VERSION_SECONDS } from './redis-lookup.ts'
import type { Cache } from './types.ts'
import { keyAt, openVersions } from './versions.ts'

/** How old an answer with scopes may get: the bound for a change whose process died before it could bump. */
const KEPT_MS = 2_000
/** How long answers are loaded after Redis returned: longer than any process takes to find it again. */
const QUIET_MS = 2 * MAX_RECONNECT_MS
const MAX_BYTES = 1024 * 1024

/** Keeps an answer, unless what it depends on was bumped since its load began; then also keeps those versions alive. */
const FILL = `
local versions = {unpack(KEYS, 2)}
local known = redis.call('MGET', unpack(versions))
for at = 1, #known do
  if not known[at] then return 0 end
end
if table.concat(known, ',') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
for at = 1, #versions do redis.call('EXPIRE', versions[at], ARGV[4]) end
return 1
`

interface Question {
  key: string
  scopes: readonly string[]
  ttlMs: number
  staleMs: number
  load: () => Promise<string | Buffer>
}

/** The cache that all processes share. How its promises are kept: docs/decisions/0009-cache-versions.md. */
export function redisCache(link: RedisLink): Cache {
  const names = {
    world: () => `sc:world:${link.runId()}`,
    scope: (scope: string) => `sc:v:${link.runId()}:${scope}`,
  }
  const keep = link.script(FILL)
  const lookUp = openLookups(link, names)
  const ownVersions = openVersions()
  const flights = new Map<string, Promise<Buffer>>()
  /** Bumps that Redis did not confirm, with its outages: when this number grew, what it holds may be of the past. */
  let unconfirmed = 0
  const doubts = () => unconfirmed + link.outages()
  let cleared = doubts()
  let isRenewing = false

  /**
   * Leaves everything that Redis holds behind, once the others have had the time to return too: until then they may
   * have made changes that Redis knows nothing of.
   */
  async function renew(): Promise<void> {
    if (isRenewing) return
    isRenewing = true
    try {
      while (link.isUp() && cleared !== doubts()) {
        const known = doubts()
        await setTimeout(QUIET_MS, undefined, { ref: false })
        if (known !== doubts()) continue
        await link.run(redis => redis.unlink(names.world()))
        cleared = known
      }
    } catch {
      // Still in doubt: the next reader, or the next return of Redis, tries again.
    } finally {
      isRenewing = false
    }
  }
  link.onUp(() => void renew())

  /** What Redis knows, or nothing when it is away or not to be believed yet. */
  async function see({ key, scopes }: Question): Promise<Sight | undefined> {
    if (!link.isUp()) return undefined
    if (cleared !== doubts()) {
      void renew()
      return undefined
    }
    try {
      return await lookUp(`sc:a:${key}`, scopes)
    } catch {
      // Away, slow or refusing: the link tells of it. The reader is answered by loading.
      return undefined
    }
  }

  function flightOf(full: string, load: () => Promise<Buffer>): Promise<Buffer> {
    const underWay = flights.get(full)
    if (underWay) return underWay
    const flight = load().finally(() => flights.delete(full))
    flights.set(full, flight)
    return flight
  }

  async function fill(question: Question, { versions, now }: Sight): Promise<Buffer> {
    const payload = encoded(await question.load())
    if (payload.length <= MAX_BYTES) {
      const until = Math.ceil(now + lifeOf(question) + question.staleMs)
      const keys = [`sc:a:${question.key}`, names.world(), ...question.scopes.map(names.scope)]
      // When it is not kept, the next who asks loads it. The link tells of the trouble.
      keep(keys, [versions, pack(versions, now, payload), until, VERSION_SECONDS]).catch(() => undefined)
    }
    return payload
  }

  async function read(question: Question): Promise<Buffer> {
    const sight = await see(question)
    if (!sight) {
      const full = `away|${keyAt(ownVersions.of(question.scopes), question.key)}`
      return flightOf(full, async () => encoded(await question.load()))
    }
    const flight = () => flightOf(`${sight.versions}|${question.key}`, () => fill(question, sight))
    if (!sight.answer) return flight()
    const { payload, loadedAt } = sight.answer
    const age = sight.now - loadedAt
    const life = lifeOf(question)
    if (age < life) {
      // Nobody waits for it: when it fails, the first who reads after the answer's time hears why.
      if (age >= life * EARLY) flight().catch(() => undefined)
      return payload
    }
    return age < life + question.staleMs ? flight().catch(() => payload) : flight()
  }

  return {
    async text(key, scopes, ttlMs, load, staleMs = 0) {
      return (await read({ key: `t:${key}`, scopes, ttlMs, load, staleMs })).toString('utf8')
    },
    bytes: (key, scopes, ttlMs, load, staleMs = 0) => read({ key: `b:${key}`, scopes, ttlMs, load, staleMs }),
    async bump(...scopes) {
      if (scopes.length === 0) return
      ownVersions.bump(scopes)
      try {
        // A version that is gone is never used again: who misses it gives the scope one that never was.
        await link.run(redis => redis.unlink(scopes.map(names.scope)))
      } catch {
        // Before this process reads from Redis again, everything in it is left behind; others see the change when
        // they do, or after KEPT_MS.
        unconfirmed++
      }
    },
    state: () => (link.isUp() && cleared === doubts() ? 'ok' : 'down'),
    async close() {
      flights.clear()
    },
  }
}

/** Without scopes nothing can be missed, and the answer lives as long as its reader wants. */
const lifeOf = ({ scopes, ttlMs }: Question): number =>
  scopes.length === 0 ? ttlMs : Math.min(ttlMs, KEPT_MS)
