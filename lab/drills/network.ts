import { setTimeout as pause } from 'node:timers/promises'
import { cutBetween, mendBetween, setCable } from '../lib/network.ts'
import { tellOutside } from '../lib/outside.ts'
import { type Drill, UNNOTICED, underLoad } from './drill.ts'

const CUT_MS = 20_000
/** Connections that were cut are tried again every few seconds. */
const BACK_MS = 15_000

/** Cables, and the outside world. */
export const networkDrills: readonly Drill[] = [
  {
    name: 'server3-cut',
    what: 'server 3 cut off for 20 s, and back',
    isShort: true,
    atMostSeconds: 200,
    run: stage =>
      underLoad(stage, UNNOTICED, async () => {
        await setCable('server3', 'down')
        await pause(CUT_MS)
        await setCable('server3', 'up')
        await pause(BACK_MS)
      }),
  },
  {
    name: 'server2-from-server3',
    what: 'servers 2 and 3 do not reach one another for 20 s',
    atMostSeconds: 200,
    run: stage =>
      underLoad(stage, UNNOTICED, async () => {
        await cutBetween('server2', 'server3')
        await pause(CUT_MS)
        await mendBetween('server2')
        await pause(BACK_MS)
      }),
  },
  troubled('sic-slow', 'SIC answers after 8 s, for 15 s', 'sic', 'slow', { latencyMs: 8_000 }),
  troubled('sic-dead', 'SIC dead for 15 s', 'sic', 'down'),
  {
    name: 'proxy-dead',
    what: "the company's proxy refuses for 15 s: no push reaches FCM",
    atMostSeconds: 200,
    run: stage =>
      underLoad(stage, UNNOTICED, async () => {
        await tellOutside('/proxy/behaviour', { trouble: 'down' })
        await pause(15_000)
        await tellOutside('/proxy/behaviour', { trouble: 'none' })
      }),
  },
]

function troubled(name: string, what: string, system: string, mode: string, more: object = {}): Drill {
  return {
    name,
    what,
    atMostSeconds: 150,
    run: stage =>
      underLoad(stage, UNNOTICED, async () => {
        await tellOutside('/backoffice/behaviour', { system, mode, ...more })
        await pause(15_000)
        await tellOutside('/backoffice/behaviour', { system, mode: 'ok' })
      }),
  }
}
