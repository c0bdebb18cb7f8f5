import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Collector, startCollector } from '../../test/observability/collector.ts'
import { metrics, timed } from './instruments.ts'
import { openTraces, type TracesOptions } from './open-traces.ts'
import { currentTraceId, currentTraceParent, inSpan, isTracing, startSpan } from './traces.ts'

const KEPT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

let collector: Collector
let close: () => Promise<void>
let said: string[]
beforeAll(async () => {
  collector = await startCollector()
})
afterAll(() => collector.stop())
beforeEach(() => {
  collector.spans.length = 0
  said = []
  close = async () => undefined
})
afterEach(() => close())

async function open(more: Partial<TracesOptions> = {}): Promise<void> {
  const say = ({ event }: { event: string }) => void said.push(event)
  close = await openTraces({
    url: `${collector.url}/v1/traces`,
    serviceName: 'samaconso',
    instance: 'test',
    version: '1',
    sampler: 'parentbased_always_on',
    ratio: 1,
    log: { warn: say, info: say },
    ...more,
  })
}

const spansSo = async (outcome: string): Promise<number> =>
  (await metrics.spans.get()).values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0

const begin = (parent?: string) => {
  const span = startSpan('work', 'server', parent)
  if (!span) throw new Error('Traces are off.')
  return span
}

it('starts nothing while traces are off', async () => {
  expect(isTracing()).toBe(false)
  expect(startSpan('work', 'server', KEPT)).toBeUndefined()
  expect(await timed('sic', async () => currentTraceParent())).toBeUndefined()
})

it('exports what waits when it is closed, and starts nothing afterwards', async () => {
  await open()
  begin(KEPT).end()
  await close()
  expect(collector.spans).toMatchObject([
    { name: 'work', parentSpanId: 'b7ad6b7169203331', instance: 'test' },
  ])
  expect(isTracing()).toBe(false)
})

it.each([
  'nonsense',
  '',
  '00-00000000000000000000000000000000-b7ad6b7169203331-01',
  '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
  '00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01',
  'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
])('begins a trace of its own where the parent cannot be read: %j', async parent => {
  await open()
  begin(parent).end()
  await close()
  expect(collector.spans).toMatchObject([{ parentSpanId: '' }])
})

it('decides by ratio where nobody has, and hands the decision on', async () => {
  await open({ sampler: 'parentbased_traceidratio', ratio: 0.1 })
  const spans = Array.from({ length: 2_000 }, () => begin())
  const kept = spans.filter(span => span.isKept).length
  expect(kept).toBeGreaterThan(120)
  expect(kept).toBeLessThan(290)
  for (const span of spans.slice(0, 100)) expect(begin(span.traceParent).isKept).toBe(span.isKept)
})

it('goes by the ratio alone where callers are not believed', async () => {
  await open({ sampler: 'traceidratio', ratio: 0 })
  expect(begin(KEPT).isKept).toBe(false)
})

it('shows the first calls of a piece of work, and counts all', async () => {
  await open()
  const span = begin()
  await inSpan(span, async () => {
    for (let i = 0; i < 50; i++) await timed('fcm', async () => currentTraceId())
  })
  span.end()
  await close()
  expect(collector.spans.filter(({ name }) => name === 'call fcm')).toHaveLength(20)
  expect(collector.spans.at(-1)).toMatchObject({ name: 'work', attributes: { 'samaconso.calls': 50 } })
})

it('tells of an error its kind and not its words', async () => {
  await open()
  const span = begin()
  await inSpan(span, () =>
    timed('sic', () => Promise.reject(new TypeError('Awa Diop +221770000001'))).catch(() => undefined),
  )
  await close()
  expect(collector.spans).toMatchObject([{ isFailed: true, attributes: { 'error.type': 'TypeError' } }])
  expect(collector.text()).not.toContain('Awa')
})

it('counts what is dropped while the collector is away, holds little, says so once, and ends in time', async () => {
  const before = await spansSo('dropped')
  await open({ url: 'http://127.0.0.1:9/v1/traces' })
  for (let i = 0; i < 5_000; i++) begin().end()
  expect((await spansSo('dropped')) - before).toBe(5_000 - 2_048)
  const startedAt = performance.now()
  await close()
  expect(performance.now() - startedAt).toBeLessThan(2_500)
  close = async () => undefined
  expect((await spansSo('dropped')) - before).toBe(5_000)
  expect(said.length).toBeLessThanOrEqual(1)
})
