import { afterEach, expect, it } from 'vitest'
import { until } from '../../test/harness.ts'
import { openLog } from '../observability/index.ts'
import { debugOnSignal } from './log-level.ts'

let stop: () => void = () => undefined
afterEach(() => stop())

const fresh = () => openLog({ level: 'warn', instance: 'test', file: '/dev/null' })
const signal = () => process.kill(process.pid, 'SIGUSR2')

it('a signal has everything logged, a second one ends it', async () => {
  const log = fresh()
  stop = debugOnSignal(log)
  expect(log.level).toBe('warn')
  signal()
  await until('more lines', () => log.level === 'debug')
  signal()
  await until('the usual lines', () => log.level === 'warn')
})

it('ends by itself', async () => {
  const log = fresh()
  stop = debugOnSignal(log, 50)
  signal()
  await until('more lines', () => log.level === 'debug')
  expect(await until('the usual lines', () => log.level === 'warn')).toBe(true)
})
