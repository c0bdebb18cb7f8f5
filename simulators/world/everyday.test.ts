import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createWorld, everyday, meterOf } from './index.ts'
import { sequence } from './random.ts'

const epoch = new Date('2026-07-20T09:30:00Z')

function worldWithClock() {
  const clock = { time: epoch.getTime(), now: () => clock.time }
  const wait = async (ms: number) => {
    clock.time += ms
  }
  return { clock, wait, world: createWorld({ epoch, clock, mostPurchases: 1_000 }) }
}

test('customers buy at the pace asked for, among those asked for, and stop by themselves', async () => {
  const { clock, wait, world } = worldWithClock()
  const life = everyday(world, {
    perMinute: 30,
    stopAfter: 600,
    random: sequence(7),
    among: 50,
    first: 1,
    wait,
  })
  expect(await life.done).toBe(600)
  const minutes = (clock.now() - epoch.getTime()) / 60_000
  expect(minutes).toBeGreaterThan(15)
  expect(minutes).toBeLessThan(26)
  const meters = new Set(world.purchasesSince(epoch, 1_000).map(row => row.meterNumber))
  const allowed = Array.from({ length: 50 }, (_, i) => meterOf(i + 1))
  expect([...meters].every(meter => allowed.includes(meter))).toBe(true)
  expect(meters.size).toBeGreaterThan(40)
})

test('stopping ends it at once, also while it waits', async () => {
  const { world } = worldWithClock()
  const life = everyday(world, { perMinute: 0.001, stopAfter: 10, random: () => 0.5, among: 5, first: 1 })
  await setImmediate()
  life.stop()
  expect(await life.done).toBe(0)
})

test('a purchase that cannot be made is not swallowed', async () => {
  const { wait, world } = worldWithClock()
  const life = everyday(world, {
    perMinute: 60,
    stopAfter: 2_000,
    random: sequence(1),
    among: 5,
    first: 1,
    wait,
  })
  await expect(life.done).rejects.toThrow('plein')
})
