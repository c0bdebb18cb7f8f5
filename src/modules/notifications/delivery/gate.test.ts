import { expect, it } from 'vitest'
import { openGate, openSeat, type Place } from './gate.ts'

const bulk: Place = { rank: 5, bulk: true }
const urgentBulk: Place = { rank: 1, bulk: true }
const single: Place = { rank: 4, bulk: false }

it('keeps places for single notifications, however many of a broadcast wait', () => {
  const gate = openGate(10)
  const entered = Array.from({ length: 30 }, () => gate.enter(bulk))
  expect(entered.filter(turn => turn === undefined)).toHaveLength(9)
  expect(gate.enter(single)).toBeUndefined()
  expect(gate.enter(single)).toBeInstanceOf(Promise)
})

it('keeps half of those places from an urgent broadcast too', () => {
  const gate = openGate(40)
  const urgent = { ...urgentBulk, urgent: true }
  const free = (place: Place) =>
    Array.from({ length: 50 }, () => gate.enter(place)).filter(turn => turn === undefined)
  expect(free(bulk)).toHaveLength(36)
  expect(free(urgent)).toHaveLength(2)
  expect(free(single)).toHaveLength(2)
})

it('gives a free place to the most pressing, and in order of arrival among equals', async () => {
  const gate = openGate(2)
  const order: string[] = []
  const come = async (name: string, place: Place) => {
    await gate.enter(place)
    order.push(name)
  }
  await come('first', bulk)
  await come('second', single)
  const others = [
    come('bulk a', bulk),
    come('bulk b', bulk),
    come('single a', single),
    come('urgent', urgentBulk),
    come('single b', single),
  ]
  gate.leave(bulk)
  gate.leave(single)
  for (const place of [urgentBulk, single, single, bulk, bulk]) {
    await Promise.resolve()
    gate.leave(place)
  }
  await Promise.all(others)
  expect(order).toEqual(['first', 'second', 'urgent', 'single a', 'single b', 'bulk a', 'bulk b'])
})

it('works with a single place', () => {
  const gate = openGate(1)
  expect(gate.enter(bulk)).toBeUndefined()
  expect(gate.enter(single)).toBeInstanceOf(Promise)
})

it('lets who sends to many keep their place until somebody more pressing waits', async () => {
  const gate = openGate(1)
  const seat = openSeat(gate, bulk)
  expect(seat.take()).toBeUndefined()
  const equal = gate.enter(bulk)
  expect(seat.take()).toBeUndefined()
  let isIn = false
  const pressing = gate.enter(single)?.then(() => {
    isIn = true
  })
  const again = seat.take()
  expect(again).toBeInstanceOf(Promise)
  await pressing
  expect(isIn).toBe(true)
  gate.leave(single)
  await equal
  gate.leave(bulk)
  await again
  seat.leave()
  seat.leave()
  expect(gate.enter(single)).toBeUndefined()
})
