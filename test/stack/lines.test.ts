import { expect, it } from 'vitest'
import { lineFormat } from './lines.ts'

const plain = lineFormat({ color: false })
const POSTGRES = 'postgres              │'

it('a line of the log says when, what and with what, behind the name of its process', () => {
  const line = JSON.stringify({
    level: 'info',
    time: '2026-03-01T12:34:56.789Z',
    instance: 'samaconso_api_1',
    event: 'started',
    version: '0.1.0',
    ports: { api: 8001 },
  })
  expect(plain('samaconso_api_1', line)).toBe(
    'samaconso_api_1       │ 12:34:56 started version=0.1.0 ports={"api":8001}',
  )
})

it('an error says so by its message, without its stack', () => {
  const line = JSON.stringify({
    level: 'error',
    time: '2026-03-01T12:34:56.789Z',
    event: 'relay_failed',
    error: { message: 'no broker', stack: 'Error: no broker\n    at…' },
  })
  expect(plain('postgres', line)).toBe(`${POSTGRES} 12:34:56 ERROR relay_failed error=no broker`)
})

it.each(['LOG:  ready', '{"half":', '{"a":1}', '[]', 'null', ''])('%s is left as it is', line => {
  expect(plain('postgres', line)).toBe(`${POSTGRES} ${line}`)
})

it('raw lines are left as they are, and each process has its colour', () => {
  const raw = lineFormat({ color: true, raw: true })
  const line = '{"level":"info","event":"started"}'
  expect(raw('samaconso_api_1', line)).toContain(line)
  expect(raw('samaconso_api_1', 'x').slice(0, 5)).not.toBe(raw('postgres', 'x').slice(0, 5))
})
