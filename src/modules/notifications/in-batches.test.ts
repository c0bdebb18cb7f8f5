import { expect, it } from 'vitest'
import { inBatches } from './in-batches.ts'

/** Statements that end when told to. */
function statements() {
  const asked: { questions: readonly number[]; end: (error?: Error) => void }[] = []
  const ask = (questions: readonly number[]) =>
    new Promise<string[]>((resolve, reject) => {
      const end = (error?: Error) => (error ? reject(error) : resolve(questions.map(n => `answer ${n}`)))
      asked.push({ questions, end })
    })
  return { asked, ask, sizes: () => asked.map(({ questions }) => questions.length) }
}
const turn = () => new Promise(setImmediate)

it('asks at once while it may, then gathers what waits, and gives each its own answer', async () => {
  const { asked, ask, sizes } = statements()
  const get = inBatches(ask, { atOnce: 2, together: 4, waiting: 100 })
  const answers = Promise.all(Array.from({ length: 9 }, (_, n) => get(n)))
  expect(sizes()).toEqual([1, 1])
  asked[0]?.end()
  await turn()
  expect(sizes()).toEqual([1, 1, 4])
  asked[1]?.end()
  await turn()
  expect(sizes()).toEqual([1, 1, 4, 3])
  for (const { end } of asked) end()
  expect(await answers).toEqual(Array.from({ length: 9 }, (_, n) => `answer ${n}`))
  const later = get(9)
  expect(sizes()).toEqual([1, 1, 4, 3, 1])
  asked[4]?.end()
  expect(await later).toBe('answer 9')
})

it('what fails fails for those that went together, and for nobody after', async () => {
  const { asked, ask } = statements()
  const get = inBatches(ask, { atOnce: 1, together: 10, waiting: 100 })
  const first = get(1)
  const together = Promise.allSettled([get(2), get(3)])
  asked[0]?.end()
  expect(await first).toBe('answer 1')
  await turn()
  asked[1]?.end(new Error('away'))
  expect((await together).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  const next = get(4)
  await turn()
  asked[2]?.end()
  expect(await next).toBe('answer 4')
})

it('refuses more than may wait', async () => {
  const { asked, ask } = statements()
  const get = inBatches(ask, { atOnce: 1, together: 10, waiting: 2 })
  const accepted = [get(1), get(2), get(3)]
  await expect(get(4)).rejects.toMatchObject({ code: 'unavailable' })
  asked[0]?.end()
  await turn()
  asked[1]?.end()
  expect(await Promise.all(accepted)).toHaveLength(3)
})
