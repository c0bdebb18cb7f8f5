import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createWorld, meterOf, type World } from './index.ts'

const epoch = new Date('2026-07-20T09:30:00Z')
const now = Date.parse('2026-07-28T18:00:00Z')
const long = [new Date('2000-01-01'), new Date('2100-01-01')] as const

let folder: string
let storeFile: string
const opened: World[] = []

function open(mostPurchases = 100): World {
  const world = createWorld({ epoch, storeFile, mostPurchases, clock: { now: () => now } })
  opened.push(world)
  return world
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'samaconso-world-'))
  storeFile = join(folder, 'deeper', 'purchases.jsonl')
})

afterEach(async () => {
  for (const world of opened.splice(0)) await world.close()
  rmSync(folder, { recursive: true })
})

test('purchases survive a restart, and those that follow go on from them', async () => {
  const first = open()
  const made = [1, 2, 1].map(n => first.buy({ meter: meterOf(n), amountXof: 5_000 }))
  const before = first.topups(meterOf(1), ...long)
  await first.close()

  const second = open()
  expect(second.purchasesSince(epoch, 10)).toEqual(made)
  expect(second.topups(meterOf(1), ...long)).toEqual(before)
  const next = second.buy({ meter: meterOf(1), amountXof: 5_000 })
  expect(made.map(row => row.orderNumber)).not.toContain(next.orderNumber)
  expect(second.purchasesSince(epoch, 10)).toEqual([...made, next])
})

test.each(['{"orderNumber":"9000', '{"orderNumber":"9000"}\n', 'é'.repeat(3)])(
  'a last line that was not written to its end is ignored, and nothing is written behind it: %j',
  async torn => {
    const first = open()
    const kept = first.buy({ meter: meterOf(1), amountXof: 5_000 })
    await first.close()
    appendFileSync(storeFile, torn)

    const second = open()
    const next = second.buy({ meter: meterOf(1), amountXof: 2_000 })
    await second.close()
    expect(open().purchasesSince(epoch, 10)).toEqual([kept, next])
  },
)

test('damage anywhere else is said, with its line', async () => {
  const world = open()
  for (let i = 0; i < 3; i++) world.buy({ meter: meterOf(1), amountXof: 5_000 })
  await world.close()
  const lines = readFileSync(storeFile, 'utf8').split('\n')
  writeFileSync(storeFile, lines.with(1, 'garbage').join('\n'))
  expect(() => open()).toThrow(/^Line 2 of .*purchases\.jsonl is damaged/)
})

test('no more than the bound is kept', () => {
  const world = open(3)
  for (let i = 0; i < 3; i++) world.buy({ meter: meterOf(1), amountXof: 5_000 })
  expect(() => world.buy({ meter: meterOf(1), amountXof: 5_000 })).toThrow('plein')
  expect(world.purchasesSince(epoch, 10)).toHaveLength(3)
})

test('a purchase dated earlier takes its place in time', () => {
  const world = open()
  const late = world.buy({ meter: meterOf(1), amountXof: 5_000 })
  const early = world.buy({ meter: meterOf(1), amountXof: 5_000, at: new Date('2026-07-25') })
  expect(world.purchasesSince(epoch, 10)).toEqual([early, late])
})
