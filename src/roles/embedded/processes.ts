import { readFile } from 'node:fs/promises'
import { platform } from 'node:os'

/** A process that can be recognised later: its number alone may have been given to another since. */
export interface ProcessMark {
  pid: number
  /** When it began, in the kernel's own count; null where the system does not tell. */
  born: string | null
}

export const markOf = async (pid: number): Promise<ProcessMark> => ({
  pid,
  born: (await statOf(pid))?.born ?? null,
})

/** Whether that very process still runs. One that only waits to be buried does not. */
export async function runs({ pid, born }: ProcessMark): Promise<boolean> {
  if (platform() !== 'linux') return signal(pid, 0)
  const stat = await statOf(pid)
  return stat !== null && stat.state !== 'Z' && (born === null || stat.born === born)
}

async function statOf(pid: number): Promise<{ state: string; born: string } | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  // After the name, which may hold anything: state is field 3, the start time field 22.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields ? { state: fields[0] ?? '', born: fields[19] ?? '' } : null
}

/** Sends a signal, 0 for none; false when there is no such process. A negative number is a group. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ESRCH') return false
    // Somebody else's: it is there.
    if (code === 'EPERM' && name === 0) return true
    throw error
  }
}
