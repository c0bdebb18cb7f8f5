import { fstatSync } from 'node:fs'

/** What does not close in this time may be left: whatever must last is on disk already. */
const CLOSING_MS = 1_500

/**
 * Ends the process on SIGTERM, SIGINT, SIGHUP, and when its standard input closes, so that it never outlives who started
 * it; what was started is closed first.
 */
export function endWhenTold(started: Promise<{ close(): Promise<void> }>): void {
  let leaving = false
  async function leave(): Promise<void> {
    if (leaving) return
    leaving = true
    setTimeout(() => process.exit(0), CLOSING_MS)
    await (await started).close()
    process.exit(0)
  }
  // Whoever started it reports that it could not.
  const leaveQuietly = () => void leave().catch(() => process.exit(1))
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, leaveQuietly)
  // A pipe that closes tells that the parent died; a terminal says so by SIGHUP, and /dev/null says nothing.
  const input = fstatSync(0)
  if (!input.isFIFO() && !input.isSocket()) return
  process.stdin.on('end', leaveQuietly)
  process.stdin.on('error', leaveQuietly)
  process.stdin.resume()
}
