import { expect, it } from 'vitest'
import { renderMetrics } from './metrics.ts'
import { Times } from './times.ts'

it('is a histogram as Prometheus reads it: buckets that add up, sum and count', async () => {
  const times = new Times('test_times_seconds', 'Times of a test.', [0.1, 1], 'route')
  const series = times.series('/a')
  for (const seconds of [0.05, 0.1, 0.5, 3]) times.add(series, seconds)
  expect(times.series('/a')).toBe(series)
  times.add(times.series('/b'), 1)
  const { text } = await renderMetrics()
  const lines = text.split('\n').filter(line => line.includes('test_times'))
  expect(lines).toEqual([
    '# HELP test_times_seconds Times of a test.',
    '# TYPE test_times_seconds histogram',
    'test_times_seconds_bucket{route="/a",le="0.1"} 2',
    'test_times_seconds_bucket{route="/a",le="1"} 3',
    'test_times_seconds_bucket{route="/a",le="+Inf"} 4',
    'test_times_seconds_sum{route="/a"} 3.65',
    'test_times_seconds_count{route="/a"} 4',
    'test_times_seconds_bucket{route="/b",le="0.1"} 0',
    'test_times_seconds_bucket{route="/b",le="1"} 1',
    'test_times_seconds_bucket{route="/b",le="+Inf"} 1',
    'test_times_seconds_sum{route="/b"} 1',
    'test_times_seconds_count{route="/b"} 1',
  ])
})
