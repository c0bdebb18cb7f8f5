import { expect, test } from 'vitest'
import { createLastItems } from './last-items.ts'

test('keeps the newest of each key, newest first', () => {
  const last = createLastItems<number>({ most: 100, perKey: 3 })
  for (let i = 1; i <= 5; i++) last.add('a', i)
  last.add('b', 6)
  expect(last.of('a')).toEqual([5, 4, 3])
  expect(last.of('b')).toEqual([6])
  expect(last.of('c')).toEqual([])
})

test('forgets the oldest of all when there are too many, and everything when told', () => {
  const last = createLastItems<number>({ most: 4, perKey: 3 })
  for (let i = 1; i <= 6; i++) last.add(i % 2 ? 'odd' : 'even', i)
  expect([last.of('odd'), last.of('even')]).toEqual([
    [5, 3],
    [6, 4],
  ])
  last.clear()
  expect(last.of('odd')).toEqual([])
})
