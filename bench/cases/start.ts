import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../src/roles/embedded/ports.ts'
import type { Lab } from '../lib/lab.ts'
import { median } from '../lib/rounds.ts'
import type { Row } from '../lib/table.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const READY = 'Ctrl-C to stop'
const AGAIN = 5

/** `npm start` as a person types it, until it says that all is there: with its packages installed, first without data. */
export async function start(_lab: Lab): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'samaconso-bench-start-'))
  try {
    const env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      LANG: 'en_US.UTF-8',
      DATA_DIR: join(folder, 'data'),
      PORT: String(await freePort()),
      MONITOR_PORT: String(await freePort()),
      SIMULATOR_PORT: String(await freePort()),
    }
    const first = await secondsOf(env)
    const later: number[] = []
    for (let time = 0; time < AGAIN; time++) later.push(await secondsOf(env))
    return [
      row('npm start without data, s', first, 120, 'its packages installed'),
      row(
        'npm start again, s',
        Math.max(...later),
        10,
        `the longest of ${AGAIN} starts; median ${median(later).toFixed(1)} s`,
      ),
    ]
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

const row = (what: string, seconds: number, most: number, note: string): Row => ({
  what,
  ours: `${seconds.toFixed(1)} s`,
  against: 'the limit, in s',
  figure: seconds,
  floor: { most },
  note,
})

/** How long one start takes; it is ended, and waited for. */
async function secondsOf(env: Record<string, string | undefined>): Promise<number> {
  const startedAt = performance.now()
  const child = spawn('npm', ['start', '--silent'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close')
  let said = ''
  const seconds = await new Promise<number>((done, fail) => {
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk
        if (said.includes(READY)) done((performance.now() - startedAt) / 1_000)
      })
    child.once('close', () => fail(new Error(`npm start ended, having said: ${said}`)))
  }).finally(() => child.kill('SIGTERM'))
  await closed
  return seconds
}
