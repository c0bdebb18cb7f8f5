import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { addBalancerProcess } from '../lib/balancers.ts'
import type { Laboratory } from '../lib/laboratory.ts'
import { type Load, startLoad } from '../lib/load.ts'
import { shareTaken } from '../lib/share-taken.ts'
import { alertDrills } from './alerts/index.ts'
import { certificateDrills } from './certificates.ts'
import { dashboards } from './dashboards.ts'
import { diskDrills } from './disks.ts'
import { type Drill, type Outcome, type Stage, until } from './drill.ts'
import { networkDrills } from './network.ts'
import { operationDrills, restoration } from './operations.ts'
import { operators } from './operators.ts'
import { overload } from './overload.ts'
import { pageOf } from './page.ts'
import { ports } from './ports.ts'
import { processDrills } from './processes.ts'
import { quietDay } from './quiet-day.ts'
import { rebuiltDrills } from './rebuilt.ts'
import { scalingDrills } from './scaling.ts'

const ALL: readonly Drill[] = [
  ports,
  ...processDrills,
  ...networkDrills,
  overload,
  ...operationDrills,
  operators,
  restoration,
  ...rebuiltDrills,
  ...diskDrills,
  ...certificateDrills,
  ...scalingDrills,
  dashboards,
  quietDay,
  ...alertDrills,
]
const PAGE = fileURLToPath(new URL('../../docs/drills.md', import.meta.url))
const FULL_SOCKETS = 10_000
const SHORT: Size = { sockets: 200, perSecond: 60 }
/** Thousands of TLS connections in a minute are all that the machine can do; requests come after them. */
const RATE_MEANWHILE = 10
/** Requests a second that are tried until half of the machine is taken. */
const RATES = [25, 50, 75, 100, 150, 200, 300, 400, 500, 700]
const HALF = 0.5
const STEP_MS = 6_000
const BACK_MS = 60_000
/** Who was cut waits a minute before a third attempt. */
const SOCKETS_BACK_MS = 240_000

export interface Size {
  sockets: number
  perSecond: number
}

export interface Done {
  drill: Drill
  outcome: Outcome | null
  seconds: number
}

/** Runs the drills that were asked for, one after the other on one laboratory; 0 when all holds. */
export async function runDrills(
  lab: Laboratory,
  { isShort, names }: { isShort: boolean; names: readonly string[] },
): Promise<number> {
  const named = names.map(name => ALL.find(drill => drill.name === name))
  if (named.includes(undefined)) {
    console.error(`No such drill. There are: ${ALL.map(({ name }) => name).join(', ')}.`)
    return 2
  }
  const chosen =
    names.length > 0
      ? named.filter(drill => drill !== undefined)
      : ALL.filter(drill => !drill.isApart && (drill.isShort || !isShort))
  const load = isShort ? await startLoad(lab, SHORT) : await startCrowd(lab)
  const size = { sockets: load.sockets, perSecond: load.perSecond }
  console.log(`${size.sockets} WebSockets open through the balancer, ${size.perSecond} requests a second`)
  const before = await readFile(PAGE, 'utf8')
  const done: Done[] = []
  for (const drill of chosen) await drill.prepare?.({ lab, load })
  for (const drill of chosen) {
    done.push(await runOne({ lab, load }, drill))
    // After each: what ends in the middle has told so far.
    if (!isShort) await writeFile(PAGE, pageOf(done, { all: ALL, size, before }))
    await writeFile(join(lab.folder, 'drills.json'), JSON.stringify(done))
  }
  load.stop()
  const failed = done.filter(({ outcome }) => !outcome || outcome.wrong.length > 0).length
  console.log(`\n${done.length - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

/** Ten thousand sockets over two processes of the balancer, and requests at a rate with which half of the machine is taken. */
async function startCrowd(lab: Laboratory): Promise<Load> {
  await addBalancerProcess(lab)
  const load = await startLoad(lab, { sockets: FULL_SOCKETS, perSecond: RATE_MEANWHILE })
  for (const rate of RATES) {
    load.perSecond = rate
    await load.setRate(rate)
    await pause(STEP_MS / 2)
    const share = await shareTaken(STEP_MS)
    console.log(`${rate} requests a second: ${Math.round(share * 100)} % of the machine`)
    if (share >= HALF) break
  }
  return load
}

async function runOne(stage: Stage, drill: Drill): Promise<Done> {
  const startedAt = Date.now()
  const took = () => (Date.now() - startedAt) / 1_000
  try {
    const outcome = await bounded(drill.run(stage), drill.atMostSeconds)
    const holds = outcome.wrong.length === 0
    console.log(`${holds ? '✓' : '✗'} ${drill.name}: ${drill.what} (${took().toFixed(0)} s)`)
    console.log(`    ${[wordsOf(outcome), ...outcome.notes].filter(Boolean).join('; ')}`)
    for (const fault of outcome.wrong.slice(0, 12)) console.log(`    ✗ ${fault}`)
    return { drill, outcome, seconds: took() }
  } catch (error) {
    console.error(`✗ ${drill.name}: ${drill.what} (${took().toFixed(0)} s)\n`, error)
    return { drill, outcome: null, seconds: took() }
  } finally {
    await settle(stage)
  }
}

/** Until everything is as it should be for the next one. */
async function settle({ lab, load }: Stage): Promise<void> {
  const say = (error: Error) => console.error(`    ${error.message}`)
  await until('everything to run', BACK_MS, () =>
    lab.units.supervisor.status().every(({ state }) => state === 'up'),
  ).catch(say)
  await until('all sockets to be open again', SOCKETS_BACK_MS, async () => {
    await pause(1_000)
    return (await load.seen()).sockets.open === load.sockets
  }).catch(say)
  await pause(3_000)
}

function wordsOf({ seen, lost, repeated }: Outcome): string {
  if (!seen) return ''
  const { requests, failedCount, again, shed, worst, p99, gap, sockets, accepted } = seen
  return [
    `${requests} requests, ${failedCount} failed, ${again} read once more, ${shed} sent away, p99 ${p99} ms, worst ${worst} ms, gap ${gap} ms`,
    `${sockets.lost} of ${sockets.open} sockets lost, back within ${sockets.worstAway} ms`,
    `${accepted.length} notifications accepted, ${lost} lost, ${repeated} repeated`,
  ].join('; ')
}

async function bounded<T>(work: Promise<T>, atMost: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not finished after ${atMost} s`)), atMost * 1_000)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
