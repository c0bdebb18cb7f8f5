import { expect, test } from 'vitest'
import { openAllowance, type Quota } from './fcm-quota.ts'

/** A bucket that holds `tokens`, `reserve` of them for urgent takers, and remembers what it was asked for. */
function bucket(tokens: number, { reserve = 0, waitMs = 60_000 } = {}) {
  const asked: { wanted: number; urgent: boolean }[] = []
  const quota: Quota = {
    take: async (wanted, urgent) => {
      asked.push({ wanted, urgent })
      const granted = Math.min(wanted, Math.max(0, tokens - (urgent ? 0 : reserve)))
      tokens -= granted
      return { granted, waitMs: granted < wanted ? waitMs : 0 }
    },
  }
  return {
    quota,
    asked,
    left: () => tokens,
    fill: (more: number) => {
      tokens += more
    },
  }
}

const troubles: string[] = []
const open = (quota: Quota) => openAllowance({ quota, onTrouble: reason => troubles.push(reason) })
const soon = () => performance.now() + 15_000

async function takeMany(allowance: ReturnType<typeof open>, count: number, urgent = false) {
  const waits: (number | null)[] = []
  for (let i = 0; i < count; i++) waits.push(await allowance.take(urgent, soon(), undefined))
  return waits
}

test('many pushes ask the bucket a few times, in lots that grow with the need', async () => {
  const { quota, asked, left } = bucket(100_000)
  expect(await takeMany(open(quota), 10_000)).toEqual(Array(10_000).fill(null))
  expect(asked.length).toBeLessThan(300)
  expect(Math.max(...asked.map(({ wanted }) => wanted))).toBe(500)
  expect(100_000 - left()).toBeLessThan(15_000)
})

test('a push now and then takes no more than itself, and what is left of a lot is not used later', async () => {
  const { quota, left } = bucket(1_000)
  const allowance = open(quota)
  await takeMany(allowance, 100)
  const before = left()
  await new Promise(resolve => setTimeout(resolve, 1_050))
  await takeMany(allowance, 1)
  expect(left()).toBeLessThan(before)
  for (let i = 0; i < 7; i++) {
    await new Promise(resolve => setTimeout(resolve, 1_050))
    await takeMany(allowance, 1)
  }
  const quiet = left()
  await new Promise(resolve => setTimeout(resolve, 1_050))
  await takeMany(allowance, 1)
  expect(quiet - left()).toBe(1)
})

test('never more go than were granted, however many come at once', async () => {
  const { quota, left } = bucket(500)
  const allowance = open(quota)
  const waits = await Promise.all(
    Array.from({ length: 2_000 }, () => allowance.take(false, soon(), undefined) ?? null),
  )
  expect(waits.filter(wait => wait === null)).toHaveLength(500)
  expect(waits.filter(wait => wait !== null && wait > 59_000)).toHaveLength(1_500)
  expect(left()).toBe(0)
})

test('urgent pushes use the reserve that the others leave', async () => {
  const { quota, asked } = bucket(10, { reserve: 10 })
  const allowance = open(quota)
  expect((await takeMany(allowance, 3)).every(wait => wait !== null)).toBe(true)
  expect(await takeMany(allowance, 5, true)).toEqual(Array(5).fill(null))
  expect(asked.some(({ urgent }) => urgent)).toBe(true)
})

test('while it is known to be empty nobody asks again; who can wait goes when it fills', async () => {
  const { quota, asked, fill } = bucket(0, { waitMs: 1_500 })
  const allowance = open(quota)
  const patient = allowance.take(false, soon(), undefined)
  await new Promise(resolve => setTimeout(resolve, 50))
  const impatient = await allowance.take(false, performance.now() + 200, undefined)
  expect(impatient).toBeGreaterThan(200)
  expect(asked).toHaveLength(1)
  fill(5)
  expect(await patient).toBeNull()
  expect(asked).toHaveLength(2)
})

test('a bucket that fails or says nothing does not hold pushes up', async () => {
  const failing = open({ take: () => Promise.reject(new Error('away')) })
  expect(await takeMany(failing, 20)).toEqual(Array(20).fill(null))
  expect(troubles).toContain('away')
  const mute = open({ take: () => new Promise(() => undefined) })
  const began = performance.now()
  expect(await mute.take(false, soon(), undefined)).toBeNull()
  expect(performance.now() - began).toBeLessThan(5_000)
})

test('aborting ends the wait', async () => {
  const { quota } = bucket(0, { waitMs: 5_000 })
  const controller = new AbortController()
  const waiting = open(quota).take(false, soon(), controller.signal)
  controller.abort(new Error('stopped'))
  await expect(waiting).rejects.toThrow('stopped')
})
