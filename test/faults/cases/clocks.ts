import { type Case, drill } from '../drill.ts'
import type { Lab } from '../lab.ts'

const HOUR = 3_600_000

/** Machines whose clocks are an hour ahead and an hour behind, among others that are right. */
export const clocks: Case = {
  name: 'clocks',
  what: 'workers and schedulers whose clocks are an hour ahead and behind',
  atMostSeconds: 240,
  async run(lab) {
    await shift(lab, 'samaconso_worker_1', ['worker', '--queues', 'urgent,high_priority'], HOUR)
    await shift(lab, 'samaconso_worker_2', ['worker', '--queues', 'normal,low_priority'], -HOUR)
    await shift(lab, 'samaconso_scheduler_1', ['scheduler'], HOUR)
    await shift(lab, 'samaconso_scheduler_2', ['scheduler'], -HOUR)
    return drill(lab, {
      name: 'clocks',
      mayRepeat: 0,
      async faults() {
        // It lasts from beginning to end.
      },
    })
  },
}

const shift = (lab: Lab, name: string, args: readonly string[], aheadMs: number): Promise<void> =>
  lab.processes.replace(name, program => ({
    ...program,
    command: ['test/faults/process.ts', ...args, `--clock-ahead=${aheadMs}`],
  }))
