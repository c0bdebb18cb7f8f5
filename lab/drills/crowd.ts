import { setTimeout as pause } from 'node:timers/promises'
import { addBalancerProcess, shareTaken } from '../lib/crowd.ts'
import { type Load, startLoad } from '../lib/load.ts'
import { type Drill, type Outcome, SHORT_PAUSE, UNNOTICED, underLoad } from './drill.ts'

const SOCKETS = 10_000
const HALF = 0.5
/** Requests a second that are tried until half of the machine is taken. */
const RATES = [50, 100, 150, 200, 250, 300, 400, 500, 700]
const RATE_MEANWHILE = 10
const STEP_MS = 6_000
const STEADY_MS = 30_000

/** Two processes of the balancer stay, so these are the last drills: who drains an instance tells the first alone. */
export const crowdDrills: readonly Drill[] = [
  {
    name: 'crowd',
    what: `${SOCKETS} WebSockets over two processes of HAProxy, and requests at a rate that takes half of the machine; then PostgreSQL restarted`,
    atMostSeconds: 900,
    async run(stage) {
      const { lab, load } = stage
      await addBalancerProcess(lab)
      // Thousands of TLS connections in a minute are all that the machine can do; the rate rises after them.
      await load.setRate(RATE_MEANWHILE)
      const crowd = await startLoad(lab, { sockets: SOCKETS - load.sockets, perSecond: 0 })
      try {
        const { rate, share } = await halfOfTheMachine(load)
        const steady = await inACrowd(crowd, async () => underLoad(stage, UNNOTICED, () => pause(STEADY_MS)))
        steady.notes.unshift(`${rate} requests a second take ${Math.round(share * 100)} % of the machine`)
        const restarted = await inACrowd(crowd, async () =>
          underLoad(stage, SHORT_PAUSE, () => lab.units.restart('postgresql')),
        )
        const { shed, gap, worst } = restarted.seen ?? { shed: 0, gap: 0, worst: 0 }
        steady.notes.push(
          `PostgreSQL restarted: ${shed} sent away, worst ${worst} ms, ${gap} ms without a good answer, ${restarted.notes.join('; ')}`,
        )
        steady.wrong.push(...restarted.wrong.map(why => `PostgreSQL restarted: ${why}`))
        return steady
      } finally {
        await load.setRate(load.perSecond)
        crowd.stop()
      }
    },
  },
]

/** Raises the rate until half of the machine is taken, and leaves it there. */
async function halfOfTheMachine(load: Load): Promise<{ rate: number; share: number }> {
  let share = 0
  for (const rate of RATES) {
    await load.setRate(rate)
    await pause(STEP_MS / 2)
    share = await shareTaken(STEP_MS)
    if (share >= HALF) return { rate, share }
  }
  return { rate: RATES.at(-1) ?? 0, share }
}

/** With what became of everybody's sockets meanwhile. */
async function inACrowd(crowd: Load, act: () => Promise<Outcome>): Promise<Outcome> {
  await crowd.mark()
  const outcome = await act()
  const [others, own] = [(await crowd.seen()).sockets, outcome.seen?.sockets]
  const open = others.open + (own?.open ?? 0)
  const lost = others.lost + (own?.lost ?? 0)
  outcome.notes.push(`${open} of ${SOCKETS} sockets open at the end, ${lost} lost meanwhile`)
  if (open < SOCKETS) outcome.wrong.push(`${open} of ${SOCKETS} sockets are open`)
  return outcome
}
