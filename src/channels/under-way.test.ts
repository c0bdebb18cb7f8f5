import { getEventListeners } from 'node:events'
import { expect, it } from 'vitest'
import { type Bounded, openUnderWay } from './under-way.ts'

function oneOf(ends: string[], name: string, ms: number, signal?: AbortSignal): Bounded {
  return {
    endsAt: performance.now() + ms,
    signal,
    before: null,
    after: null,
    expire: () => void ends.push(`${name} late`),
    abort: () => void ends.push(`${name} aborted`),
  }
}

it('tells those whose time is over, and nobody who ended before', async () => {
  const underWay = openUnderWay()
  const ends: string[] = []
  const [late, early, slow] = [oneOf(ends, 'late', 30), oneOf(ends, 'early', 30), oneOf(ends, 'slow', 60_000)]
  for (const one of [late, early, slow]) underWay.add(one as Bounded)
  underWay.delete(early as Bounded)
  await expect.poll(() => ends).toContain('late late')
  underWay.delete(late as Bounded)
  underWay.delete(slow as Bounded)
  expect(new Set(ends)).toEqual(new Set(['late late']))
})

it('tells all who share a signal with one listener, which goes with the last of them', () => {
  const underWay = openUnderWay()
  const ends: string[] = []
  const control = new AbortController()
  const other = new AbortController()
  const sharing = ['a', 'b', 'c'].map(name => oneOf(ends, name, 60_000, control.signal))
  const apart = oneOf(ends, 'd', 60_000, other.signal)
  for (const one of [...sharing, apart]) underWay.add(one)
  expect(getEventListeners(control.signal, 'abort')).toHaveLength(1)
  underWay.delete(sharing[0] as Bounded)
  control.abort()
  expect(ends).toEqual(['b aborted', 'c aborted'])
  underWay.delete(apart)
  underWay.delete(apart)
  expect(getEventListeners(other.signal, 'abort')).toHaveLength(0)
})

it('forgets neighbours of whom it lets go, wherever they stand', () => {
  const underWay = openUnderWay()
  const ends: string[] = []
  const control = new AbortController()
  const all = ['a', 'b', 'c', 'd'].map(name => oneOf(ends, name, 60_000, control.signal))
  for (const one of all) underWay.add(one)
  const [a, b, c, d] = all as [Bounded, Bounded, Bounded, Bounded]
  for (const one of [b, a, b]) underWay.delete(one)
  expect([a.before, a.after, b.before, b.after]).toEqual([null, null, null, null])
  control.abort()
  expect(ends).toEqual(['c aborted', 'd aborted'])
  underWay.delete(d)
  underWay.delete(c)
  expect([c.before, c.after, d.before, d.after]).toEqual([null, null, null, null])
})
