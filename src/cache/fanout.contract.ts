import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Fanout } from './types.ts'

export interface OpenedFanout {
  fanout: Fanout
  /** What listeners threw. */
  errors: unknown[]
  close(): Promise<void>
}

/** What every fan-out promises within a process. */
export function promisesOfFanout(name: string, open: () => Promise<OpenedFanout>): void {
  describe(name, () => {
    let opened: OpenedFanout
    let fanout: Fanout
    beforeEach(async () => {
      opened = await open()
      fanout = opened.fanout
    })
    afterEach(() => opened.close())

    it('tells everyone who listens to a topic, at once and in order, and nobody else', () => {
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
      const heard: unknown[] = []
      const why = new Error('a socket that is gone')
      fanout.subscribe('error', () => {
        throw why
      })
      fanout.subscribe('error', message => void heard.push(message))
      fanout.publish('error', 'still told')
      expect(heard).toEqual(['still told'])
      expect(opened.errors).toEqual([why])
    })

    it('who left hears nothing more, also when leaving while being told', () => {
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
  })
}
