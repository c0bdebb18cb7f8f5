import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { endWhenTold } from './ending.ts'
import { startSimulators } from './index.ts'

/** The simulated outside world as a process: says where it listens in one line of JSON on standard output. */
const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string', default: '.data/simulators' },
    port: { type: 'string', default: '9900' },
    /** What certificates carry beside localhost; several times. */
    name: { type: 'string', multiple: true, default: [] },
  },
})
const controlPort = Number(values.port)
const dataDir = resolve(values['data-dir'])

if (!Number.isInteger(controlPort) || controlPort < 0 || controlPort > 65_535) {
  console.error(`--port ${values.port}: give a number from 0 to 65535`)
  process.exit(1)
}

process.on('uncaughtException', error => {
  console.error(explain(error))
  process.exit(1)
})

const starting = startSimulators({
  dataDir,
  controlPort,
  everyday: true,
  names: values.name,
  onTrouble: error => console.error(`The simulated world: ${error.message}`),
})
endWhenTold(starting)

try {
  console.log(JSON.stringify((await starting).addresses))
} catch (error) {
  console.error(explain(error as NodeJS.ErrnoException))
  process.exit(1)
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
