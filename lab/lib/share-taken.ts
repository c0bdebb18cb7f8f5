import { readdir, readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'

const TICKS_PER_SECOND = 100

/** Share of all processors that the laboratory's processes take, customers and outside systems among them: 1 is all. */
export async function shareTaken(ms: number): Promise<number> {
  const before = await ticks()
  const startedAt = performance.now()
  await pause(ms)
  const after = await ticks()
  let spent = 0
  for (const [pid, now] of after) spent += now - (before.get(pid) ?? 0)
  const seconds = (performance.now() - startedAt) / 1_000
  return spent / TICKS_PER_SECOND / seconds / availableParallelism()
}

/** What each process has taken so far; no others than the laboratory's are to be seen from within. */
async function ticks(): Promise<Map<string, number>> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const taken = new Map<string, number>()
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    // After the name, which may hold anything: state is the first.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    taken.set(pid, Number(fields[11] ?? 0) + Number(fields[12] ?? 0))
  }
  return taken
}
