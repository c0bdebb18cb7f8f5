import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Cache } from './types.ts'

export interface OpenedCache {
  cache: Cache
  /** Lets time pass: by the cache's clock, or really. */
  wait(ms: number): Promise<void>
  close(): Promise<void>
}

const LONG = 60_000
/** Short enough to wait for, long enough for a busy machine. */
const SHORT = 1_500

/** What every cache promises. */
export function promisesOfCache(name: string, open: () => Promise<OpenedCache>): void {
  describe(name, () => {
    let opened: OpenedCache
    let cache: Cache
    /** Nobody else's keys and scopes. */
    let me: string
    let everyone: string
    let loads = 0
    beforeEach(async () => {
      opened = await open()
      cache = opened.cache
      me = `customer:${randomUUID()}`
      everyone = `everyone:${randomUUID()}`
      loads = 0
    })
    afterEach(() => opened.close())

    /** What the answer is now, counted. */
    const read = (text: string, key = 'list', scopes = [me, everyone], ttlMs = LONG) =>
      cache.text(`${key} of ${me}`, scopes, ttlMs, async () => {
        loads++
        return text
      })

    it('keeps an answer for its time, and reads it anew after that', async () => {
      expect(await read('old', 'list', [me], SHORT)).toBe('old')
      await opened.wait(SHORT / 5)
      expect(await read('new', 'list', [me], SHORT)).toBe('old')
      await opened.wait(SHORT)
      expect(await read('new', 'list', [me], SHORT)).toBe('new')
      expect(loads).toBe(2)
    })

    it('counts the time from when the load began', async () => {
      await cache.text(me, [me], SHORT, async () => {
        await opened.wait(SHORT + 1)
        return 'slow'
      })
      expect(await cache.text(me, [me], SHORT, async () => 'after')).toBe('after')
    })

    it('never shows an answer older than the last change of anything that it depends on', async () => {
      await read('first')
      await cache.bump(me)
      expect(await read('second')).toBe('second')
      await cache.bump(everyone)
      expect(await read('third')).toBe('third')
      await cache.bump('customer:somebody-else')
      expect(await read('fourth')).toBe('third')
      await cache.bump('customer:somebody-else', everyone)
      expect(await read('fifth')).toBe('fifth')
      await cache.bump()
      expect(await read('sixth')).toBe('fifth')
    })

    it('a load that ends after a change does not bring the past back', async () => {
      const slow = gate<string>()
      const early = cache.text(me, [me], LONG, () => slow.load())
      await slow.begun
      await cache.bump(me)
      expect(await cache.text(me, [me], LONG, async () => 'after')).toBe('after')
      slow.open('before')
      // Who asked before the change may be told what was true then.
      expect(await early).toBe('before')
      expect(await cache.text(me, [me], LONG, async () => 'again')).toBe('after')
    })

    it('who asks after a change does not wait for the load that began before it', async () => {
      const slow = gate<string>()
      const early = cache.text(me, [me], LONG, () => slow.load())
      await slow.begun
      await cache.bump(me)
      expect(await cache.text(me, [me], LONG, async () => 'after')).toBe('after')
      slow.open('before')
      await early
    })

    it('loads once for 10,000 who ask at the same time', async () => {
      const slow = gate<string>()
      const all = Array.from({ length: 10_000 }, () =>
        cache.text(me, [everyone], LONG, () => {
          loads++
          return slow.load()
        }),
      )
      await slow.begun
      slow.open('answer')
      expect(new Set(await Promise.all(all))).toEqual(new Set(['answer']))
      expect(loads).toBe(1)
    })

    it('a load that fails fails for all who wait, and the next who asks tries again', async () => {
      const slow = gate<string>()
      const all = Array.from({ length: 100 }, () =>
        cache.text(`list of ${me}`, [me, everyone], LONG, () => slow.load()),
      )
      const why = new Error('the database is away')
      slow.fail(why)
      const results = await Promise.allSettled(all)
      expect(results.every(result => result.status === 'rejected' && result.reason === why)).toBe(true)
      expect(await read('back again')).toBe('back again')
    })

    it('a load that throws at once is a failure like any other', async () => {
      await expect(
        cache.text(`list of ${me}`, [me, everyone], LONG, () => {
          throw new Error('at once')
        }),
      ).rejects.toThrow('at once')
      expect(await read('back again')).toBe('back again')
    })

    it('in the last fifth of its time one reader has an answer loaded anew while nobody waits', async () => {
      await read('old', 'list', [me], SHORT)
      await opened.wait(SHORT * 0.85)
      const slow = gate<string>()
      const again = () =>
        cache.text(`list of ${me}`, [me], SHORT, () => {
          loads++
          return slow.load()
        })
      expect(await Promise.all([again(), again()])).toEqual(['old', 'old'])
      expect(loads).toBe(2)
      slow.open('new')
      await expect.poll(() => read('too late', 'list', [me], SHORT)).toBe('new')
      expect(loads).toBe(2)
    })

    it('an early load that fails costs nobody their answer', async () => {
      await read('old', 'list', [me], SHORT)
      await opened.wait(SHORT * 0.85)
      const failing = () =>
        cache.text(`list of ${me}`, [me], SHORT, () => Promise.reject(new Error('the database is away')))
      expect(await failing()).toBe('old')
    })

    it('shows an old answer when a load fails, for as long as it was said, and never across a change', async () => {
      const failing = (staleMs: number) =>
        cache.text(me, [me], SHORT, () => Promise.reject(new Error('the database is away')), staleMs)
      await cache.text(me, [me], SHORT, async () => 'old', 30_000)
      await opened.wait(SHORT + 1)
      expect(await failing(30_000)).toBe('old')
      await expect(failing(0)).rejects.toThrow('away')
      await cache.bump(me)
      await expect(failing(30_000)).rejects.toThrow('away')
    })

    it('an old answer that may be shown is loaded anew all the same', async () => {
      await cache.text(me, [me], SHORT, async () => 'old', 30_000)
      await opened.wait(SHORT + 1)
      expect(await cache.text(me, [me], SHORT, async () => 'new', 30_000)).toBe('new')
    })

    it('gives bytes as it gives text: kept for their time, read anew after a change, loaded once for all', async () => {
      const bytes = (text: string) =>
        cache.bytes(me, [me], LONG, async () => {
          loads++
          return text
        })
      const together = await Promise.all([bytes('été'), bytes('été')])
      expect(together.map(each => each.toString('utf8'))).toEqual(['été', 'été'])
      expect(await bytes('other')).toEqual(Buffer.from('été'))
      expect(loads).toBe(1)
      await cache.bump(me)
      expect(await bytes('after the change')).toEqual(Buffer.from('after the change'))
      // A text of the same key is another answer.
      expect(await cache.text(me, [me], LONG, async () => 'as text')).toBe('as text')
      await expect(
        Promise.resolve(
          cache.bytes(`broken ${me}`, [], LONG, () => Promise.reject(new Error('the database is away'))),
        ),
      ).rejects.toThrow('away')
    })

    it('gives back what it was given, whatever is in it', async () => {
      for (const text of ['', '\n', ' 1\n2', 'Ñëw\u0000\ud83d\ude00', 'x'.repeat(3_000_000)]) {
        await cache.bump(me)
        expect(await read(text)).toBe(text)
        expect(await read(text)).toBe(text)
      }
    })

    it('keeps keys apart, whatever is in them', async () => {
      expect(await read('a', 'x', [])).toBe('a')
      expect(await read('b', 'x', ['s'])).toBe('b')
      expect(await read('c', '1|x', [])).toBe('c')
      expect(await read('d', '1|1|x', [])).toBe('d')
      expect(await read('e', 'x|1', [])).toBe('e')
      expect(await read('f', 'x', ['s|t', 'u'])).toBe('f')
      const together = ['u', 's|t'].map(first => [first, first === 'u' ? 's|t' : 'u'])
      expect(await Promise.all(together.map(scopes => read(scopes.join(), 'y', scopes)))).toEqual([
        'u,s|t',
        's|t,u',
      ])
    })

    it('answers many different questions at once', async () => {
      const keys = Array.from({ length: 1_000 }, (_, at) => `page ${at}`)
      const all = (scopes?: string[]) => Promise.all(keys.map(key => read(key, key, scopes)))
      expect(await all()).toEqual(keys)
      expect(await all()).toEqual(keys)
      // Without scopes, whose answers Redis keeps but for a moment: a slow machine would load them again.
      loads = 0
      expect(await all([])).toEqual(keys)
      expect(await all([])).toEqual(keys)
      expect(loads).toBe(1_000)
    })
  })
}

/** A load that ends when it is told to, and tells when it began. */
export function gate<T>() {
  const ended = Promise.withResolvers<T>()
  const started = Promise.withResolvers<void>()
  // Whoever loads hears of the failure; here nobody does.
  ended.promise.catch(() => undefined)
  return {
    load: () => {
      started.resolve()
      return ended.promise
    },
    begun: started.promise,
    open: ended.resolve,
    fail: ended.reject,
  }
}
