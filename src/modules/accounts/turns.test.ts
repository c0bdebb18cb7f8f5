import { expect, it } from 'vitest'
import { openTurns } from './turns.ts'

it('lets two at a time through for one key, all in the end, and others without waiting', async () => {
  const turn = openTurns(2, 100)
  let busy = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++busy)
    await new Promise(done => setImmediate(done))
    busy--
  }
  await Promise.all(Array.from({ length: 30 }, () => turn('awa', work)))
  expect(most).toBe(2)
  let other = false
  const held = turn('awa', () => new Promise<void>(done => setTimeout(done, 20)))
  await turn('moussa', async () => {
    other = true
  })
  expect(other).toBe(true)
  await held
})

it('refuses who would make the line too long, and gives the place back after a failure', async () => {
  const turn = openTurns(1, 1)
  const never: (() => void)[] = []
  const first = turn('awa', () => new Promise<void>(done => void never.push(done)))
  const second = turn('awa', () => Promise.reject(new Error('wrong')))
  await expect(turn('awa', async () => 1)).rejects.toMatchObject({ code: 'rate_limited' })
  never[0]?.()
  await first
  await expect(second).rejects.toThrow('wrong')
  expect(await turn('awa', async () => 1)).toBe(1)
})
