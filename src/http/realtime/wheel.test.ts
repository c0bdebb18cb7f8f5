import { afterEach, expect, it } from 'vitest'
import { until } from '../../../test/harness.ts'
import { timerWheel, type Wheel } from './wheel.ts'

let now = 1_000_000
const clock = { now: () => now }
let wheel: Wheel<string>
const woken: string[] = []
const start = (onWake: (item: string) => void = () => undefined) => {
  woken.length = 0
  wheel = timerWheel<string>(clock, 5, item => {
    woken.push(item)
    onWake(item)
  })
}
afterEach(() => wheel.stop())

it('wakes each item once, not before its time, and only by the last time given', async () => {
  start()
  wheel.set('soon', now + 100)
  wheel.set('moved', now + 100)
  wheel.set('moved', now + 300)
  wheel.set('deleted', now + 100)
  wheel.delete('deleted')
  wheel.set('now', now)
  await until('the one due', () => woken.length === 1)
  now += 95
  wheel.set('barrier', now)
  await until('a tick', () => woken.includes('barrier'))
  expect(woken).toEqual(['now', 'barrier'])
  now += 5
  await until('the next', () => woken.length === 3)
  // However far the clock jumps.
  now += 86_400_000
  await until('the last', () => woken.length === 4)
  expect(woken).toEqual(['now', 'barrier', 'soon', 'moved'])
})

it('an item may set itself again as it wakes, for at once too', async () => {
  start(item => {
    if (woken.length < 5) wheel.set(item, now)
  })
  wheel.set('again', now)
  await until('five times', () => woken.length === 5)
})
