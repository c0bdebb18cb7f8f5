import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { processesOf, RUN } from '../processes.ts'

/** What one run of the tests starts: it all ends with it, and what does not is a fault. */
export interface TestRun {
  /** Starts a server in a folder of its own; it stops with the run. */
  start<T extends { stop(): Promise<unknown> }>(
    name: string,
    start: (folder: string) => Promise<T>,
  ): Promise<T>
  /** What tests may have left behind, in words; asked at the end, while the servers still run. */
  onEnd(leftBehind: () => Promise<string[]>): void
  /** Stops all; rejects with everything that was left behind. */
  end(): Promise<void>
}

/** Opens the run. Whatever is started from now on, by us or by tests, carries its mark. `endMs`: how long an end may take. */
export async function openRun({ endMs = 5_000 } = {}): Promise<TestRun> {
  const top = await mkdtemp(join(tmpdir(), 'samaconso-test-'))
  // A server that runs as another user goes through it.
  await chmod(top, 0o711)
  process.env[RUN] = top
  const stops: (() => Promise<unknown>)[] = []
  const checks: (() => Promise<string[]>)[] = []
  return {
    async start(name, start) {
      const starting = start(join(top, name))
      // Also one that is still starting when another fails; one that fails has nothing to stop, and has told its caller.
      stops.push(() =>
        starting.then(
          server => server.stop(),
          () => undefined,
        ),
      )
      return starting
    },
    onEnd: check => void checks.push(check),
    async end() {
      const faults = await leftAfter(endMs, async () =>
        (await Promise.all(checks.map(check => check()))).flat(),
      )
      // Last first: some are of no use without others.
      for (const stop of stops.toReversed()) {
        await stop().catch((error: unknown) => void faults.push(`a server does not stop: ${error}`))
      }
      faults.push(...(await leftAfter(endMs, () => processesLeft(top))))
      await rm(top, { recursive: true, force: true })
      if (faults.length > 0)
        throw new Error(`Left behind by tests:\n${faults.map(fault => `  - ${fault}`).join('\n')}`)
    },
  }
}

/** What is left of something, at the latest after so long. */
async function leftAfter(ms: number, look: () => Promise<string[]>): Promise<string[]> {
  for (const deadline = Date.now() + ms; ; ) {
    const left = await look()
    if (left.length === 0 || Date.now() > deadline) return left
    await new Promise(done => setTimeout(done, 200))
  }
}

async function processesLeft(mark: string): Promise<string[]> {
  return (await processesOf(mark)).map(({ pid, command }) => `process ${pid}: ${command}`)
}
