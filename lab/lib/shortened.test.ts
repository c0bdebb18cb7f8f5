import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { shortened } from './shortened.ts'

const observability = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../deploy/observability/${name}`, import.meta.url)), 'utf8')

it('makes every time of a rule shorter, and leaves what values are compared with', () => {
  const rule = [
    "expr: 'increase(failed[30m]) > 2 and time() - last > 26 * 3600 and rate(x[2m]) > 0.5 unless x offset 15m'",
    'for: 5m',
  ].join('\n')
  expect(shortened(rule, 60)).toBe(
    [
      "expr: 'increase(failed[30000ms]) > 2 and time() - last > 26 * 3600 and rate(x[4000ms]) > 0.5 unless x offset 15000ms'",
      'for: 5000ms',
    ].join('\n'),
  )
})

it('makes times of routes and of Prometheus shorter', () => {
  expect(shortened('{ group_wait: 0s, group_interval: 15m, repeat_interval: 4h }', 60)).toBe(
    '{ group_wait: 0ms, group_interval: 15000ms, repeat_interval: 240000ms }',
  )
  expect(shortened('scrape_interval: 15s', 60)).toBe('scrape_interval: 1000ms')
})

it.each(['alertmanager.yml', 'rules/objectives.yml', 'rules/machines.yml', 'rules/application.yml'])(
  'changes nothing but times in %s',
  name => {
    const withoutTimes = (text: string) => text.replace(/\b\d+(ms|[smhd])\b(?=[\s\],}'")]|$)/g, 'T')
    const text = observability(name)
    expect(shortened(text, 60)).not.toBe(text)
    expect(withoutTimes(shortened(text, 60))).toBe(withoutTimes(text))
  },
)
