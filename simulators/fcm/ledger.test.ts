import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openLedger } from './ledger.ts'

const dir = mkdtempSync(join(tmpdir(), 'ledger-'))
afterAll(() => rmSync(dir, { recursive: true }))
let files = 0
const newFile = () => join(dir, `ledger-${++files}`)

test('repetitions are counted by device and notification, and a restart keeps the count', () => {
  const file = newFile()
  const ledger = openLedger(file)
  for (const token of ['sim-a', 'sim-b', 'sim-a', 'sim-a']) ledger.accept(token, 'n-1')
  ledger.accept('sim-a', 'n-2')
  ledger.accept('sim-é', '')
  ledger.outcome('UNREGISTERED')
  ledger.outcome('close')
  const stats = {
    received: 6,
    distinct: 4,
    duplicates: 2,
    byOutcome: { ok: 5, close: 1, UNREGISTERED: 1 },
    devices: 3,
  }
  expect(ledger.stats()).toEqual(stats)
  ledger.close()

  const again = openLedger(file)
  expect(again.stats()).toEqual(stats)
  expect(again.count('sim-a', 'n-1')).toBe(3)
  expect(again.count('sim-é', '')).toBe(1)
  expect(again.count('sim-b', 'n-2')).toBe(0)
  again.accept('sim-b', 'n-1')
  expect(again.stats()).toMatchObject({ received: 7, distinct: 4, devices: 3 })
  again.close()
})

test('counts stay right when a broadcast is large, whatever the order of the devices', () => {
  const file = newFile()
  const ledger = openLedger(file)
  const device = (i: number) => `sim-${(i * 7919) % 30_011}`
  for (let i = 0; i < 30_000; i++) ledger.accept(device(i), 'n-1')
  for (let i = 29_999; i >= 0; i -= 3) ledger.accept(device(i), 'n-1')
  for (let i = 0; i < 300; i++) ledger.accept('sim-1', 'n-2')
  expect(ledger.stats()).toMatchObject({
    received: 40_300,
    distinct: 30_001,
    duplicates: 10_299,
    devices: 30_000,
  })
  expect(ledger.count(device(29_999), 'n-1')).toBe(2)
  expect(ledger.count(device(29_998), 'n-1')).toBe(1)
  expect(ledger.count('sim-1', 'n-2')).toBe(255)
  ledger.close()
  const again = openLedger(file)
  expect(again.stats()).toMatchObject({ received: 40_300, distinct: 30_001, devices: 30_000 })
  again.close()
})

test('an end torn by a crash is cut off, and what follows is counted right', () => {
  for (const torn of [1, 4, 8, 12]) {
    const file = newFile()
    const ledger = openLedger(file)
    ledger.accept('sim-a', 'n-1')
    ledger.close()
    const whole = readFileSync(file).length
    const longer = openLedger(file)
    longer.accept('sim-b', 'n-1')
    longer.close()
    truncateSync(file, readFileSync(file).length - torn)
    const again = openLedger(file)
    expect(again.stats()).toMatchObject({ received: 1, distinct: 1 })
    again.accept('sim-b', 'n-1')
    again.accept('sim-a', 'n-1')
    again.close()
    const last = openLedger(file)
    expect(last.stats()).toMatchObject({ received: 3, distinct: 2, duplicates: 1, devices: 2 })
    last.close()
    expect(readFileSync(file).length).toBeGreaterThan(whole)
  }
})

test('rubbish at the end is cut off', () => {
  const file = newFile()
  const ledger = openLedger(file)
  ledger.accept('sim-a', 'n-1')
  ledger.close()
  const whole = readFileSync(file).length
  appendFileSync(file, Buffer.from([99, 1, 2, 3]))
  const again = openLedger(file)
  expect(again.stats()).toMatchObject({ received: 1 })
  again.close()
  expect(readFileSync(file).length).toBe(whole)
})

test('forgetting empties memory and file', () => {
  const file = newFile()
  const ledger = openLedger(file)
  ledger.accept('sim-a', 'n-1')
  ledger.flush()
  ledger.forget()
  ledger.accept('sim-b', 'n-2')
  ledger.close()
  const again = openLedger(file)
  expect(again.stats()).toMatchObject({ received: 1, distinct: 1, devices: 1 })
  expect(again.count('sim-b', 'n-2')).toBe(1)
  again.close()
})
