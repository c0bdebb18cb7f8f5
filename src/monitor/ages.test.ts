import { expect, it } from 'vitest'
import { followAges } from './ages.ts'

/** Looks every second: what is ready, and how many were begun by then. */
function lookAt(looks: [ready: number, begun: number][]): number | null {
  const ages = followAges()
  looks.forEach(([ready, begun], second) => {
    ages.note(second * 1_000, 'normal', ready, begun)
  })
  return ages.oldest('normal', (looks.length - 1) * 1_000)
}

it('nothing waits, nothing is old', () => {
  expect(followAges().oldest('normal', 0)).toBeNull()
  expect(lookAt([[0, 0]])).toBeNull()
  expect(
    lookAt([
      [3, 0],
      [0, 3],
    ]),
  ).toBeNull()
})

it('what nobody takes grows old', () => {
  expect(
    lookAt([
      [0, 0],
      [2, 0],
      [2, 0],
      [5, 0],
    ]),
  ).toBe(2_000)
})

it('what is taken makes the next one the oldest', () => {
  // Two came in the second second, two in the fourth.
  const came: [number, number][] = [
    [0, 0],
    [2, 0],
    [2, 0],
    [4, 0],
  ]
  expect(lookAt([...came, [3, 1]])).toBe(3_000)
  expect(lookAt([...came, [2, 2]])).toBe(1_000)
  expect(lookAt([...came, [1, 3]])).toBe(1_000)
})

it('a queue as long as before may have nobody in it that was there before', () => {
  expect(
    lookAt([
      [5, 0],
      [5, 3],
      [5, 5],
    ]),
  ).toBe(1_000)
})

it('what was there at the first look counts from then, also when one comes back', () => {
  expect(
    lookAt([
      [9, 0],
      [9, 0],
      [10, 0],
    ]),
  ).toBe(2_000)
})

it('after a week of more and more, ages are still true within half an hour, from some hundred notes', () => {
  const ages = followAges()
  const week = 604_800_000
  for (let at = 0; at <= week; at += 5_000) ages.note(at, 'normal', at / 5_000 + 1, 0)
  expect(ages.oldest('normal', week)).toBe(week)
  ages.note(week, 'normal', week / 10_000, week / 10_000 + 1)
  const oldest = ages.oldest('normal', week) as number
  expect(oldest).toBeLessThan(week / 2)
  expect(oldest).toBeGreaterThan(week / 2 - 1_800_000)
})
