import { fileURLToPath } from 'node:url'
import { inPlace } from '../lib/network.ts'
import { ADDRESSES, MACHINES, type Machine, PLACES, type Place } from '../lib/places.ts'
import { run } from '../lib/run.ts'
import type { Drill } from './drill.ts'

const SCRIPT = fileURLToPath(new URL('../processes/knock.ts', import.meta.url))

/** Who may talk to whom, written down a second time: the firewall is made from the inventory's `flows`. */
const ALLOWED: Record<Machine, readonly [from: readonly Place[], ports: readonly number[]][]> = {
  balancer1: [
    [['admin'], [22]],
    [
      ['outside', 'admin'],
      [80, 443],
    ],
    [['server3'], [8404, 9100]],
  ],
  server1: [
    [['admin'], [22, 9001]],
    [
      ['server2', 'server3'],
      [6432, 9000],
    ],
    [['server3'], [9100, 9127, 9187]],
  ],
  server2: [
    [['admin'], [22, 15672]],
    [['balancer1'], [8001, 8002]],
    [['server3'], [5672, 9100, 9103, 9106, 9107, 15672, 15692]],
  ],
  server3: [
    [['admin'], [22, 3000, 5555, 9090, 9093]],
    [['server2'], [6379]],
    [['balancer1', 'server1', 'server2'], [3100]],
  ],
}

/** Tried beside those that somebody may use: never for anybody from another machine. */
const CLOSED = [25, 111, 4369, 5432, 8003, 9120, 9121, 25672]
const PORTS = [
  ...new Set([
    ...Object.values(ALLOWED)
      .flat()
      .flatMap(([, ports]) => ports),
    ...CLOSED,
  ]),
]

const mayReach = (from: Place, to: Machine, port: number): boolean =>
  ALLOWED[to].some(([places, ports]) => places.includes(from) && ports.includes(port))

export interface Knock {
  host: string
  port: number
}
export type Answered = 'open' | 'nobody listens' | 'stopped'

/** Every port of the matrix from every place, over real connections: through where it may, stopped where it may not. */
export const ports: Drill = {
  name: 'ports',
  what: 'every port of the matrix from every place, allowed and refused',
  isShort: true,
  atMostSeconds: 60,
  async run() {
    const wrong: string[] = []
    let through = 0
    let stopped = 0
    for (const from of PLACES) {
      const knocks = MACHINES.filter(to => to !== from).flatMap(to =>
        PORTS.map(port => ({ to, host: ADDRESSES[to][0], port })),
      )
      const answers = JSON.parse(
        await run([...inPlace(from), process.execPath, SCRIPT, JSON.stringify(knocks)]),
      ) as Answered[]
      knocks.forEach(({ to, port }, i) => {
        const isAllowed = mayReach(from, to, port)
        const answer = answers[i] as Answered
        if (isAllowed) through++
        else stopped++
        if (isAllowed === (answer === 'stopped'))
          wrong.push(`${from} → ${to}:${port} is ${answer}, and ${isAllowed ? 'may pass' : 'may not'}`)
      })
    }
    return { lost: 0, repeated: 0, notes: [`${through} ways let through, ${stopped} stopped`], wrong }
  },
}
