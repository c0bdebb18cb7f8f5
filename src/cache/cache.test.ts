import { describe, expect, it } from 'vitest'
import { inProcessCache } from './index.ts'

function opened() {
  let now = 1_000_000
  const cache = inProcessCache({ now: () => now })
  let loads = 0
  return {
    cache,
    advance: (ms: number) => {
      now += ms
    },
    loads: () => loads,
    /** What the answer is now, counted. */
    read: (text: string, key = 'list', scopes = ['customer:1', 'everyone'], ttlMs = 60_000) =>
      cache.text(key, scopes, ttlMs, async () => {
        loads++
        return text
      }),
  }
}

/** A load that ends when it is told to. */
function gate<T>() {
  let open: (value: T) => void = () => undefined
  let fail: (error: unknown) => void = () => undefined
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { promise, open, fail }
}

describe('the cache', () => {
  it('keeps an answer for its time, and reads it anew after that', async () => {
    const { read, advance, loads } = opened()
    expect(await read('old')).toBe('old')
    advance(59_999)
    expect(await read('new')).toBe('old')
    advance(1)
    expect(await read('new')).toBe('new')
    expect(loads()).toBe(2)
  })

  it('never shows an answer older than the last change of anything that it depends on', async () => {
    const { cache, read } = opened()
    await read('first')
    await cache.bump('customer:1')
    expect(await read('second')).toBe('second')
    await cache.bump('everyone')
    expect(await read('third')).toBe('third')
    await cache.bump('customer:2')
    expect(await read('fourth')).toBe('third')
  })

  it('a load that ends after a change does not bring the past back', async () => {
    const { cache } = opened()
    const scopes = ['customer:1']
    const slow = gate<string>()
    const early = cache.text('list', scopes, 60_000, () => slow.promise)
    await cache.bump('customer:1')
    expect(await cache.text('list', scopes, 60_000, async () => 'after')).toBe('after')
    slow.open('before')
    // Who asked before the change may be told what was true then.
    expect(await early).toBe('before')
    expect(await cache.text('list', scopes, 60_000, async () => 'again')).toBe('after')
  })

  it('who asks after a change does not wait for the load that began before it', async () => {
    const { cache } = opened()
    const slow = gate<string>()
    const early = cache.text('list', ['customer:1'], 60_000, () => slow.promise)
    await cache.bump('customer:1')
    expect(await cache.text('list', ['customer:1'], 60_000, async () => 'after')).toBe('after')
    slow.open('before')
    await early
  })

  it('loads once for 10,000 who ask at the same time', async () => {
    const { cache } = opened()
    let loads = 0
    const slow = gate<string>()
    const all = Array.from({ length: 10_000 }, () =>
      cache.text('list', ['everyone'], 60_000, () => {
        loads++
        return slow.promise
      }),
    )
    slow.open('answer')
    expect(new Set(await Promise.all(all))).toEqual(new Set(['answer']))
    expect(loads).toBe(1)
  })

  it('a load that fails fails for all who wait, and the next who asks tries again', async () => {
    const { cache, read } = opened()
    const slow = gate<string>()
    const all = Array.from({ length: 100 }, () =>
      cache.text('list', ['customer:1', 'everyone'], 60_000, () => slow.promise),
    )
    const why = new Error('the database is away')
    slow.fail(why)
    const results = await Promise.allSettled(all)
    expect(results.every(result => result.status === 'rejected' && result.reason === why)).toBe(true)
    expect(await read('back again')).toBe('back again')
  })

  it('a load that throws at once is a failure like any other', async () => {
    const { cache, read } = opened()
    await expect(
      cache.text('list', ['customer:1', 'everyone'], 60_000, () => {
        throw new Error('at once')
      }),
    ).rejects.toThrow('at once')
    expect(await read('back again')).toBe('back again')
  })

  it('gives bytes as it gives text: kept for their time, read anew after a change, loaded once for all', async () => {
    const { cache, advance } = opened()
    let loads = 0
    const read = (text: string) =>
      cache.bytes('list', ['customer:1'], 60_000, async () => {
        loads++
        return text
      })
    const together = await Promise.all([read('été'), read('été')])
    expect(together.map(bytes => bytes.toString('utf8'))).toEqual(['été', 'été'])
    expect(await read('other')).toEqual(Buffer.from('été'))
    expect(loads).toBe(1)
    await cache.bump('customer:1')
    expect(await read('after the change')).toEqual(Buffer.from('after the change'))
    advance(60_000)
    expect(await read('after its time')).toEqual(Buffer.from('after its time'))
    expect(await cache.text('list', ['customer:1'], 60_000, async () => 'as text')).toBe('as text')
  })

  it('keeps keys apart, whatever is in them', async () => {
    const { read } = opened()
    expect(await read('a', 'x', [])).toBe('a')
    expect(await read('b', 'x', ['s'])).toBe('b')
    expect(await read('c', '1|x', [])).toBe('c')
    expect(await read('d', '1|1|x', [])).toBe('d')
    expect(await read('e', 'x|1', [])).toBe('e')
  })

  it('holds what it was given within bounds: the least used answers go first', async () => {
    const { read, loads } = opened()
    const large = 'x'.repeat(1_000_000)
    for (let n = 0; n < 60; n++) await read(large, `page ${n}`)
    await read(large, 'page 59')
    expect(loads()).toBe(60)
    await read(large, 'page 0')
    expect(loads()).toBe(61)
  })

  it('a scope that was forgotten among many others does not bring an old answer back', async () => {
    const { cache, read } = opened()
    await read('old')
    for (let n = 0; n < 200_001; n++) await cache.bump(`customer:other-${n}`)
    expect(await read('new')).toBe('new')
  })

  it('gives bytes that were encoded once, and keeps them apart from texts of the same key', async () => {
    const { cache, read } = opened()
    await read('text', 'list', ['customer:1'])
    const bytes = () => cache.bytes('list', ['customer:1'], 60_000, async () => 'é')
    const first = await bytes()
    expect(first).toEqual(Buffer.from('é'))
    // At once, and the same ones.
    expect(bytes()).toBe(first)
    expect(await read('later', 'list', ['customer:1'])).toBe('text')
    await cache.bump('customer:1')
    expect(bytes()).toBeInstanceOf(Promise)
    await expect(
      Promise.resolve(cache.bytes('broken', [], 1, () => Promise.reject(new Error('away')))),
    ).rejects.toThrow('away')
  })
})
