import { beforeEach, describe, expect, it } from 'vitest'
import { inProcessFanout } from '../cache/index.ts'
import type { Fanout } from '../cache/types.ts'
import { newId } from '../lib/id.ts'
import { EVENTS_TOPIC, type Heartbeat, type SeenEvent, WORKERS_TOPIC } from '../tasks/index.ts'
import { type Floor, watchFloor } from './floor.ts'

let fanout: Fanout
let floor: Floor
let now: number
beforeEach(() => {
  fanout = inProcessFanout()
  now = 1_000_000
  floor = watchFloor(fanout, { now: () => now })
})

const active = (id: string): Heartbeat['active'][number] => ({
  id,
  task: 'test.task',
  queue: 'normal',
  attempt: 1,
  startedAt: now,
  slow: false,
  stuck: false,
})
const beat = (more: Partial<Heartbeat> = {}) =>
  fanout.publish(WORKERS_TOPIC, {
    kind: 'heartbeat',
    name: 'worker-1',
    host: 'host',
    pid: 1,
    version: '1',
    startedAt: 500_000,
    at: now,
    draining: false,
    queues: [],
    succeeded: 0,
    failed: 0,
    ratePerSecond: 0,
    loopDelayMs: 0,
    memoryBytes: 1,
    dropped: { events: 0, history: 0, results: 0 },
    active: [],
    activeCount: more.active?.length ?? 0,
    ...more,
  } satisfies Heartbeat)
const tell = (kind: SeenEvent['kind'], id: string, worker = 'worker-1') =>
  fanout.publish(EVENTS_TOPIC, {
    worker,
    events: [
      { kind, id, task: 'test.task', queue: 'normal', attempt: 1, at: now, startedAt: now, runMs: null },
    ],
  })

describe('workers', () => {
  it('are lost after seven seconds without a heartbeat, and found again with the next', () => {
    beat()
    now += 6_999
    expect(floor.worker('worker-1')?.state).toBe('running')
    now += 1
    expect(floor.worker('worker-1')?.state).toBe('lost')
    beat({ draining: true })
    expect(floor.worker('worker-1')?.state).toBe('draining')
  })

  it('that said farewell have ended, unless it was one before', () => {
    beat()
    fanout.publish(WORKERS_TOPIC, { kind: 'farewell', name: 'worker-1', startedAt: 400_000, at: now })
    expect(floor.worker('worker-1')?.state).toBe('running')
    fanout.publish(WORKERS_TOPIC, { kind: 'farewell', name: 'worker-1', startedAt: 500_000, at: now })
    expect(floor.worker('worker-1')?.state).toBe('stopped')
  })

  it('that were told to end and held nothing have ended, also without a word; with a task they are lost', () => {
    beat({ draining: true })
    beat({ name: 'worker-2', draining: true, active: [active('a')] })
    now += 6_999
    expect(floor.worker('worker-1')?.state).toBe('draining')
    now += 1
    expect([floor.worker('worker-1')?.state, floor.worker('worker-2')?.state]).toEqual(['stopped', 'lost'])
  })

  it('of one name: the newer is shown, and that there is another', () => {
    beat({ pid: 1 })
    expect(floor.worker('worker-1')?.hasNamesake).toBe(false)
    beat({ pid: 2, startedAt: 600_000 })
    beat({ pid: 1 })
    expect(floor.worker('worker-1')).toMatchObject({ last: { pid: 2 }, hasNamesake: true })
    now += 10_000
    beat({ pid: 2, startedAt: 600_000 })
    expect(floor.worker('worker-1')?.hasNamesake).toBe(false)
  })

  it('are forgotten after an hour, and never too many', () => {
    beat({ name: 'old' })
    now += 3_600_001
    for (let i = 0; i < 1_500; i++) beat({ name: `worker-${i}` })
    expect(floor.worker('old')).toBeUndefined()
    expect(floor.workers()).toHaveLength(1_000)
  })

  it('that say nonsense are not heard', () => {
    for (const nonsense of [null, 'x', 5, {}, { kind: 'heartbeat' }, { kind: 'farewell', name: 1 }]) {
      fanout.publish(WORKERS_TOPIC, nonsense)
      fanout.publish(EVENTS_TOPIC, nonsense)
    }
    expect(floor.workers()).toEqual([])
  })
})

describe('tasks', () => {
  it('begin and end by their events', () => {
    beat()
    tell('started', 'a')
    tell('slow', 'a')
    expect(floor.started()).toMatchObject([{ id: 'a', state: 'started', slow: true, stuck: false }])
    tell('succeeded', 'a')
    expect(floor.started()).toEqual([])
    expect(floor.ended()).toMatchObject([{ id: 'a', state: 'succeeded', slow: true }])
  })

  it('have the times of their messages, as far as their worker tells them', () => {
    beat({ active: [{ ...active('a'), queuedAt: 900_000, publishedAt: 900_010 }, active('b')] })
    expect(floor.task('a')).toMatchObject({ queuedAt: 900_000, publishedAt: 900_010 })
    expect(floor.task('b')).toMatchObject({ queuedAt: null, publishedAt: null })
  })

  it('are counted once as they begin and once as they end, whatever was heard of them first', () => {
    tell('started', 'a')
    beat({ active: [active('a'), active('b')] })
    tell('started', 'b')
    tell('succeeded', 'a')
    tell('parked', 'c')
    expect([floor.begun().get('normal'), floor.finished().get('normal')]).toEqual([3, 2])
    tell('retried', 'b')
    tell('started', 'b')
    expect([floor.begun().get('normal'), floor.finished().get('normal')]).toEqual([4, 3])
  })

  it('of which an event was lost are put right by the next heartbeat', () => {
    beat()
    tell('started', 'a')
    beat({ active: [active('b')] })
    expect(floor.started().map(({ id }) => id)).toEqual(['b'])
  })

  it('of a lost worker are lost as far as anybody knows', () => {
    beat({ active: [active('a')] })
    now += 10_000
    expect(floor.task('a')?.state).toBe('lost')
  })

  it('are kept within bounds, whatever happens in a day', () => {
    beat()
    for (let i = 0; i < 20_000; i++) {
      tell('started', newId())
      const id = newId()
      tell('started', id)
      tell('succeeded', id)
    }
    expect(floor.started().length).toBeLessThanOrEqual(10_000)
    expect(floor.ended()).toHaveLength(5_000)
  })
})
