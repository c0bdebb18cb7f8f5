import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const MOMENT_MS = 60_000

export interface RunOptions {
  env?: Record<string, string>
  cwd?: string
  ms?: number
}

/** Runs a command to its end and gives what it printed; rejects with what it said when it fails or takes too long. */
export async function run(
  [program = '', ...args]: readonly string[],
  { env = {}, cwd, ms = MOMENT_MS }: RunOptions = {},
): Promise<string> {
  try {
    const { stdout } = await execute(program, args, {
      cwd,
      env: { ...process.env, ...env },
      timeout: ms,
      killSignal: 'SIGKILL',
      maxBuffer: 16 * 1024 * 1024,
    })
    return stdout.trim()
  } catch (error) {
    const {
      stdout = '',
      stderr = '',
      killed,
    } = error as { stdout?: string; stderr?: string; killed?: boolean }
    const why = killed ? `not finished after ${ms / 1_000} s` : (stdout + stderr).trim().slice(-3_000)
    throw new Error(`${program} ${args.slice(0, 6).join(' ')}: ${why || (error as Error).message}`, {
      cause: error,
    })
  }
}
