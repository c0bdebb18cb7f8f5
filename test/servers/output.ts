import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const MOMENT_MS = 60_000

/** What a short command prints; rejects with what it said on standard error when it fails. */
export async function output(program: string, args: readonly string[], cwd?: string): Promise<string> {
  const { stdout } = await run(program, args, { timeout: MOMENT_MS, killSignal: 'SIGKILL', cwd })
  return stdout.trim()
}
