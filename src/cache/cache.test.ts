import { expect, it } from 'vitest'
import { promisesOfCache } from './cache.contract.ts'
import { inProcessCache } from './index.ts'

function opened() {
  let now = 1_000_000
  const cache = inProcessCache({ now: () => now })
  const wait = async (ms: number) => {
    now += ms
  }
  return { cache, wait, close: () => cache.close() }
}

promisesOfCache('the cache of one process', async () => opened())

it('holds what it was given within bounds: the least used answers go first', async () => {
  const { cache } = opened()
  let loads = 0
  const read = (page: number) =>
    cache.text(`page ${page}`, ['everyone'], 60_000, async () => {
      loads++
      return 'x'.repeat(1_000_000)
    })
  for (let page = 0; page < 60; page++) await read(page)
  await read(59)
  expect(loads).toBe(60)
  await read(0)
  expect(loads).toBe(61)
})

it('a scope that was forgotten among many others does not bring an old answer back', async () => {
  const { cache } = opened()
  const read = (text: string) => cache.text('list', ['customer:1'], 60_000, async () => text)
  await read('old')
  for (let n = 0; n < 200_001; n++) await cache.bump(`customer:other-${n}`)
  expect(await read('new')).toBe('new')
})

it('gives bytes that are at hand at once, encoded once', async () => {
  const { cache } = opened()
  const bytes = () => cache.bytes('list', ['customer:1'], 60_000, async () => 'é')
  const first = await bytes()
  expect(bytes()).toBe(first)
  await cache.bump('customer:1')
  expect(bytes()).toBeInstanceOf(Promise)
})
