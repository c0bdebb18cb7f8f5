// npm run test:faults [-- case …] [-- --short]: what the delivery engine promises, with everything killed (docs/faults.md).
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { needServers, PRODUCT_SERVERS } from '../servers/packages.ts'
import { openRun, type TestRun } from '../servers/run.ts'
import { broker } from './cases/broker.ts'
import { clocks } from './cases/clocks.ts'
import { database } from './cases/database.ts'
import { fcm } from './cases/fcm.ts'
import { gaps } from './cases/gaps.ts'
import { halted } from './cases/halted.ts'
import { poison } from './cases/poison.ts'
import { processes } from './cases/processes.ts'
import { proxy } from './cases/proxy.ts'
import { redis } from './cases/redis.ts'
import { schedulers } from './cases/schedulers.ts'
import type { Case } from './drill.ts'
import type { Row } from './judge.ts'
import { type Lab, openLab } from './lab.ts'
import { tableOf } from './table.ts'

const CASES: readonly Case[] = [
  processes,
  broker,
  redis,
  database,
  proxy,
  gaps,
  fcm,
  halted,
  poison,
  schedulers,
  clocks,
]
const DEVICES = 100_000
const SHORT_DEVICES = 5_000
/** Processes that were told to end finish what they hold. */
const END_MS = 15_000

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      /** Some cases on few devices. */
      short: { type: 'boolean', default: false },
      devices: { type: 'string' },
      /** A file for what passed and failed. */
      report: { type: 'string' },
    },
    allowPositionals: true,
  })
  const unknown = positionals.filter(name => !CASES.some(one => one.name === name))
  if (unknown.length > 0) {
    console.error(`No such case: ${unknown.join(', ')}. There are: ${CASES.map(one => one.name).join(', ')}.`)
    return 2
  }
  const chosen = CASES.filter(({ name, short }) =>
    positionals.length > 0 ? positionals.includes(name) : short || !values.short,
  )
  const devices = Number(values.devices ?? (values.short ? SHORT_DEVICES : DEVICES))
  await needServers(PRODUCT_SERVERS)
  const run = await openRun({ endMs: END_MS })
  const leave = endOnce(run)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => void leave().finally(() => process.exit(130)))
  process.once('disconnect', () => void leave().finally(() => process.exit(1)))

  const rows: Row[] = []
  let failed = false
  try {
    const startedAt = Date.now()
    const lab = await run.start('stack', dir =>
      openLab({ dir, devices, logFile: join(tmpdir(), 'samaconso-faults.log') }),
    )
    console.log(`${devices} devices, every process and server up (${seconds(startedAt)} s)`)
    for (const one of chosen) {
      const row = await runCase(lab, one)
      if (row) rows.push(row)
      if (!row || row.wrong.length > 0) failed = true
    }
  } catch (error) {
    console.error(error)
    failed = true
  }
  console.log(`\n${tableOf(rows)}`)
  await leave().catch(error => {
    console.error((error as Error).message)
    failed = true
  })
  if (values.report) {
    const passed = rows.filter(row => row.wrong.length === 0).length
    await writeFile(values.report, JSON.stringify({ passed, failed: chosen.length - passed }))
  }
  console.log(failed ? '\nNot everything holds.' : '\nAll holds.')
  return failed ? 1 : 0
}

async function runCase(lab: Lab, { name, what, run, atMostSeconds }: Case): Promise<Row | null> {
  const startedAt = Date.now()
  try {
    const row = await bounded(run(lab), atMostSeconds)
    console.log(`${row.wrong.length > 0 ? '✗' : '✓'} ${name}: ${what} (${seconds(startedAt)} s)`)
    for (const fault of row.wrong.slice(0, 12)) console.log(`    ${fault}`)
    return row
  } catch (error) {
    console.error(`✗ ${name}: ${what} (${seconds(startedAt)} s)\n`, error)
    return null
  } finally {
    await bounded(lab.processes.tidy(), 120)
  }
}

async function bounded<T>(work: Promise<T>, atMost: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not finished after ${atMost} s`)), atMost * 1_000)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

function endOnce(run: TestRun): () => Promise<void> {
  let ending: Promise<void> | undefined
  return () => (ending ??= run.end())
}

const seconds = (since: number): string => ((Date.now() - since) / 1_000).toFixed(0)

process.exit(await main())
