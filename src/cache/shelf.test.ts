import { expect, it } from 'vitest'
import { inProcessShelf } from './index.ts'
import { promisesOfShelf } from './shelf.contract.ts'

promisesOfShelf('the shelf of one process', async () => {
  let now = 0
  return {
    shelf: inProcessShelf({ now: () => now }, 1_000),
    wait: async ms => {
      now += ms
    },
    close: async () => undefined,
  }
})

it('holds what it was given within bounds: the least used texts go first', async () => {
  const shelf = inProcessShelf({ now: () => 0 })
  for (let at = 0; at < 100; at++) await shelf.put(`text ${at}`, 'x'.repeat(200_000), 1_000)
  expect(await shelf.get('text 0')).toBeNull()
  expect(await shelf.get('text 99')).not.toBeNull()
})
