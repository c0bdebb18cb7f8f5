import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../observability/index.ts'
import type { Worker } from '../tasks/index.ts'

const PAUSE_MS = 500

/**
 * Keeps a worker going where the process is its own supervisor: one that was told to shut down, or that a stuck task made
 * end, is followed by another. Returns how to stop for good.
 */
export async function keepWorker(
  start: () => Promise<Worker>,
  log: Log,
): Promise<{ stop(graceMs: number): Promise<void> }> {
  const stopping = new AbortController()
  let worker = await start()

  async function keep(): Promise<void> {
    while (!stopping.signal.aborted) {
      const end = await worker.ended
      if (stopping.signal.aborted) return
      log.warn({ event: 'worker_ended', worker: worker.name, end })
      // Whoever stops us meanwhile ends the pause.
      await sleep(PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => undefined)
      if (stopping.signal.aborted) return
      worker = await start()
    }
  }

  const kept = keep().catch(error => log.error({ event: 'worker_not_started', alert: true, error }))
  return {
    async stop(graceMs) {
      stopping.abort()
      await worker.stop(graceMs)
      await kept
      // One that was just starting.
      await worker.stop(graceMs)
    },
  }
}
