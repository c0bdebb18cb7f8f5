// The laboratory itself, in namespaces of its own, of which it is the first process: when it ends, however, all of it ends.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runDrills } from './drills/run.ts'
import { openLaboratory } from './lib/laboratory.ts'

const [folder = '', task = 'stay', customers = '2000', ...names] = process.argv.slice(2)

/** The kernel ends everything else at once: nothing of it is needed any more. */
const end = (code: number): never => process.exit(code)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => end(130))
if (task !== 'stay') {
  // Whoever waits for the drills is gone: nothing is left to do.
  process.stdin.on('end', () => end(1))
  process.stdin.resume()
}

const startedAt = performance.now()
const seconds = () => ((performance.now() - startedAt) / 1_000).toFixed(1)
try {
  const laboratory = await openLaboratory({
    folder,
    customers: Number(customers),
    say: text => console.log(`${seconds().padStart(6)} s  ${text}`),
    down: () => end(0),
  })
  await writeFile(join(folder, 'ready'), `${seconds()}\n`)
  if (task !== 'stay') end(await runDrills(laboratory, { isShort: task === 'short', names }))
} catch (error) {
  console.error(error)
  end(1)
}
