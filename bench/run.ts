// npm run bench [-- case …] [--json]: every promise of speed as a ratio to a peer, or a limit, within one run (README.md).
import { parseArgs } from 'node:util'
import { broadcast } from './cases/broadcast.ts'
import { customers } from './cases/customers.ts'
import { health } from './cases/health.ts'
import { list } from './cases/list.ts'
import { million } from './cases/million.ts'
import { monitor } from './cases/monitor.ts'
import { observability } from './cases/observability.ts'
import { oneFlight } from './cases/one-flight.ts'
import { publish } from './cases/publish.ts'
import { push } from './cases/push.ts'
import { refresh } from './cases/refresh.ts'
import { signIn } from './cases/sign-in.ts'
import { sockets } from './cases/sockets.ts'
import { start } from './cases/start.ts'
import { CORES } from './lib/child.ts'
import { type Lab, openLab } from './lib/lab.ts'
import { holds, type Row, tableOf } from './lib/table.ts'

const CASES: Record<string, { run(lab: Lab): Promise<Row[]>; atMostSeconds: number }> = {
  start: { run: start, atMostSeconds: 240 },
  health: { run: health, atMostSeconds: 90 },
  list: { run: list, atMostSeconds: 120 },
  observability: { run: observability, atMostSeconds: 300 },
  customers: { run: customers, atMostSeconds: 420 },
  'sign-in': { run: signIn, atMostSeconds: 90 },
  refresh: { run: refresh, atMostSeconds: 120 },
  push: { run: push, atMostSeconds: 240 },
  publish: { run: publish, atMostSeconds: 240 },
  broadcast: { run: broadcast, atMostSeconds: 240 },
  million: { run: million, atMostSeconds: 1_200 },
  sockets: { run: sockets, atMostSeconds: 300 },
  monitor: { run: monitor, atMostSeconds: 1_200 },
  'one-flight': { run: oneFlight, atMostSeconds: 180 },
}

const { values, positionals } = parseArgs({ options: { json: { type: 'boolean' } }, allowPositionals: true })
const unknown = positionals.filter(name => !(name in CASES))
if (unknown.length > 0) {
  console.error(`No such case: ${unknown.join(', ')}. There are: ${Object.keys(CASES).join(', ')}.`)
  process.exit(2)
}

const lab = await openLab()
let ending = false
const end = async (code: number) => {
  if (ending) return
  ending = true
  await lab.close()
  process.exit(code)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void end(130))
process.once('disconnect', () => void end(1))

const rows: Row[] = []
for (const name of positionals.length > 0 ? positionals : Object.keys(CASES)) {
  rows.push(...(await runCase(name)))
  if (ending) break
}
if (!ending) {
  console.log(
    values.json
      ? JSON.stringify(
          rows.map(row => ({ ...row, ok: holds(row) })),
          null,
          2,
        )
      : `\n${tableOf(rows)}`,
  )
  const missed = rows.filter(row => !holds(row))
  if (!values.json)
    console.log(missed.length === 0 ? '\nAll floors are reached.' : `\n${missed.length} missed.`)
  await end(missed.length === 0 ? 0 : 1)
}

async function runCase(name: string): Promise<Row[]> {
  const { run, atMostSeconds } = CASES[name] as (typeof CASES)[string]
  const startedAt = performance.now()
  try {
    return await bounded(run(lab), atMostSeconds)
  } catch (error) {
    if (!ending) console.error(`${name}: ${(error as Error).stack}`)
    return [{ what: name, ours: 'failed', against: '', figure: null, floor: { least: 0 } }]
  } finally {
    if (!ending) await lab.endCase()
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0)
    if (!ending) console.error(`${name}: ${seconds} s${CORES.length === 0 ? ', cores not pinned' : ''}`)
  }
}

async function bounded<T>(work: Promise<T>, seconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not finished after ${seconds} s`)), seconds * 1_000)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
