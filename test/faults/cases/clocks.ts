import { setTimeout as pause } from 'node:timers/promises'
import { type Case, drill } from '../drill.ts'

const HOUR = 3_600_000
const SCRIPT = new URL('../jumping-date.ts', import.meta.url).href
const JUMPS: Record<string, number> = {
  samaconso_api_1: HOUR,
  samaconso_api_2: -HOUR,
  samaconso_worker_1: HOUR,
  samaconso_worker_2: -HOUR,
  samaconso_scheduler_1: HOUR,
  samaconso_scheduler_2: -HOUR,
}

/** Machines whose clocks jump by an hour, ahead and back, in the middle of a broadcast, and stay so. */
export const clocks: Case = {
  name: 'clocks',
  what: 'clocks that jump by an hour, ahead and back: nothing lost, nothing over too early',
  atMostSeconds: 240,
  async run(lab) {
    for (const [name, ms] of Object.entries(JUMPS)) {
      await lab.processes.replace(name, program => ({
        ...program,
        command: ['--import', SCRIPT, ...program.command],
        env: { ...program.env, FAULTS_CLOCK_JUMP_MS: String(ms) },
      }))
    }
    return drill(lab, {
      name: 'clocks',
      mayRepeat: 0,
      // An hour ahead it would be over, and an hour back it would not be due.
      expiresInSeconds: 1_800,
      async faults({ reached }) {
        await reached(0.2)
        for (const name of Object.keys(JUMPS)) {
          lab.processes.kill(name, 'SIGUSR2')
          await pause(500)
        }
      },
    })
  },
}
