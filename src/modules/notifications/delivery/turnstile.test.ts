import { expect, it } from 'vitest'
import { openTurnstile } from './turnstile.ts'

/** Works that end when told to. */
function works() {
  const begun: string[] = []
  const ends = new Map<string, (error?: Error) => void>()
  const work = (id: string) =>
    new Promise<void>((resolve, reject) => {
      begun.push(id)
      ends.set(id, error => (error ? reject(error) : resolve()))
    })
  return { begun, work, end: (id: string, error?: Error) => ends.get(id)?.(error) }
}
const turn = () => new Promise(setImmediate)
const never = new AbortController().signal

it('half of the slots are given back at once, and what was left is done by those inside', async () => {
  const { pass } = openTurnstile(4)
  const { begun, work, end } = works()
  const [a, b] = [pass('a', never, work), pass('b', never, work)]
  await Promise.all([pass('c', never, work), pass('d', never, work), pass('c', never, work)])
  expect(begun).toEqual(['a', 'b'])
  end('a')
  await turn()
  expect(begun).toEqual(['a', 'b', 'c'])
  end('b')
  await turn()
  expect(begun).toEqual(['a', 'b', 'c', 'd'])
  end('c')
  end('d')
  await Promise.all([a, b])
  expect(begun).toHaveLength(4)
})

it('a fault is told to whose unit it is, and the place is free again; who must stop goes on with nobody', async () => {
  const { pass } = openTurnstile(1)
  const { begun, work, end } = works()
  const failing = pass('a', never, work)
  await pass('b', never, work)
  end('a', new Error('away'))
  await expect(failing).rejects.toThrow('away')
  const stop = new AbortController()
  const stopping = pass('c', stop.signal, work)
  stop.abort()
  end('c')
  await stopping
  expect(begun).toEqual(['a', 'c'])
})
