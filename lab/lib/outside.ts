import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Addresses } from '../../simulators/index.ts'
import { inPlace } from './network.ts'
import { OUTSIDE } from './places.ts'
import { run } from './run.ts'
import type { Units } from './units.ts'

const SIMULATORS = fileURLToPath(new URL('../../simulators/main.ts', import.meta.url))
const CONTROL_PORT = 9900
export const CONTROL = `http://127.0.0.1:${CONTROL_PORT}`

/** Starts the simulated outside world; its certificates carry the addresses of the inventory. */
export async function startOutside(units: Units, folder: string): Promise<Addresses> {
  const dataDir = join(folder, 'outside')
  await mkdir(dataDir, { recursive: true })
  const names = Object.values(OUTSIDE).flatMap(({ address }) => ['--name', address])
  await units.add([
    {
      name: 'simulators',
      place: 'outside',
      command: async () => ({
        command: [
          process.execPath,
          SIMULATORS,
          '--data-dir',
          dataDir,
          '--port',
          String(CONTROL_PORT),
          ...names,
        ],
      }),
      ready: ['curl', '-sfo', '/dev/null', `${CONTROL}/push/stats`],
    },
  ])
  const told = await readFile(join(folder, 'logs/simulators.log'), 'utf8')
  const line = told.split('\n').findLast(one => one.startsWith('{"control"'))
  if (!line) throw new Error(`the simulated world did not say where it is:\n${told}`)
  return JSON.parse(line) as Addresses
}

/** Tells the simulated world how to behave. */
export async function tellOutside(path: string, body: object): Promise<void> {
  const json = ['-H', 'content-type: application/json', '-d', JSON.stringify(body)]
  await run([...inPlace('outside'), 'curl', '-sS', '--fail-with-body', ...json, `${CONTROL}${path}`])
}
