import { fstatSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Simulators, startSimulators } from './index.ts'

/**
 * The simulated outside world as a process: says where it listens in one line of JSON on standard output, and ends on
 * SIGTERM, SIGINT, SIGHUP, and when its standard input closes, so that it never outlives who started it.
 */
const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string', default: '.data/simulators' },
    port: { type: 'string', default: '9900' },
  },
})
const controlPort = Number(values.port)
const dataDir = resolve(values['data-dir'])
/** Everything is on disk every 200 ms: whatever does not close in this time may be left. */
const CLOSING_MS = 1_500

if (!Number.isInteger(controlPort) || controlPort < 0 || controlPort > 65_535) {
  console.error(`--port ${values.port}: give a number from 0 to 65535`)
  process.exit(1)
}

let simulators: Simulators | null = null
let leaving = false
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, leave)
followStandardInput()
process.on('uncaughtException', error => {
  console.error(explain(error))
  process.exit(1)
})

try {
  simulators = await startSimulators({
    dataDir,
    controlPort,
    everyday: true,
    onTrouble: error => console.error(`The simulated world: ${error.message}`),
  })
  if (leaving) await end()
  console.log(JSON.stringify(simulators.addresses))
} catch (error) {
  console.error(explain(error as NodeJS.ErrnoException))
  process.exit(1)
}

function leave(): void {
  if (leaving) return
  leaving = true
  setTimeout(() => process.exit(0), CLOSING_MS)
  if (simulators) void end()
}

async function end(): Promise<void> {
  await simulators?.close()
  process.exit(0)
}

/** A pipe that closes tells that the parent died; a terminal says so by SIGHUP, and /dev/null says nothing. */
function followStandardInput(): void {
  const input = fstatSync(0)
  if (!input.isFIFO() && !input.isSocket()) return
  process.stdin.on('end', leave)
  process.stdin.on('error', leave)
  process.stdin.resume()
}

function explain(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') {
    return `Port ${controlPort} is taken: stop what listens there, or give another one with SIMULATOR_PORT.`
  }
  if (error.code === 'ENOSPC') return 'The disk is full: free some space, then start again.'
  if (error.code === 'EACCES' || error.code === 'EROFS')
    return `${dataDir} cannot be written: give another folder.`
  return `The simulated world cannot go on: ${error.message}`
}
