import { expect, it } from 'vitest'
import { inProcessFanout } from './index.ts'

it('tells everyone who listens to a topic, at once and in order, and nobody else', () => {
  const fanout = inProcessFanout()
  const heard: unknown[] = []
  fanout.subscribe('customer:1', message => void heard.push(['a', message]))
  fanout.subscribe('customer:1', message => void heard.push(['b', message]))
  fanout.subscribe('customer:2', message => void heard.push(['c', message]))
  fanout.publish('customer:1', 1)
  fanout.publish('nobody', 2)
  expect(heard).toEqual([
    ['a', 1],
    ['b', 1],
  ])
})

it('a listener that throws stops neither the publisher nor the other listeners, and is heard of', () => {
  const errors: unknown[] = []
  const fanout = inProcessFanout(error => void errors.push(error))
  const heard: unknown[] = []
  const why = new Error('a socket that is gone')
  fanout.subscribe('error', () => {
    throw why
  })
  fanout.subscribe('error', message => void heard.push(message))
  fanout.publish('error', 'still told')
  expect(heard).toEqual(['still told'])
  expect(errors).toEqual([why])
})

it('who left hears nothing more, also when leaving while being told', () => {
  const fanout = inProcessFanout()
  const heard: string[] = []
  const listener = () => void heard.push('same function twice')
  const leaveFirst = fanout.subscribe('t', listener)
  fanout.subscribe('t', listener)
  leaveFirst()
  leaveFirst()
  const leave = fanout.subscribe('t', () => {
    heard.push('once')
    leave()
    fanout.subscribe('t', () => void heard.push('newcomer'))
  })
  fanout.publish('t', 1)
  expect(heard).toEqual(['same function twice', 'once'])
  fanout.publish('t', 2)
  expect(heard.slice(2)).toEqual(['same function twice', 'newcomer'])
})
