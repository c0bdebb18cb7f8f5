import { spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { platform } from 'node:os'

/** Marks everything that a run of the tests starts, whoever starts it: the environment goes from parent to child. */
export const RUN = 'SAMACONSO_TEST_RUN'

export interface Running {
  pid: number
  command: string
}

/** Every process that names this folder, in its command or its environment. */
export async function processesOf(folder: string): Promise<Running[]> {
  if (platform() !== 'linux') return processesByPs(folder)
  const found: Running[] = []
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const [command, environment] = await Promise.all(
      ['cmdline', 'environ'].map(file => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
    )
    if (command?.includes(folder) || environment?.includes(folder)) {
      found.push({ pid, command: (command ?? '').replaceAll('\0', ' ').slice(0, 200) })
    }
  }
  return found
}

async function processesByPs(folder: string): Promise<Running[]> {
  const child = spawn('ps', ['-Ao', 'pid=,command='], { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  for await (const chunk of child.stdout) text += chunk
  return text
    .split('\n')
    .filter(line => line.includes(folder))
    .map(line => ({ pid: Number.parseInt(line, 10), command: line.trim() }))
}
