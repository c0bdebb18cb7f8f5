import { type Case, CHUNK, drill, IN_FLIGHT, SLOTS } from '../drill.ts'

/** Every kind of process of ours, killed one after the other in the middle of a broadcast. */
export const processes: Case = {
  name: 'processes',
  what: 'worker, API, scheduler, monitor killed',
  short: true,
  atMostSeconds: 180,
  run: lab =>
    drill(lab, {
      name: 'processes',
      // Only the worker that serves the broadcast's queue has chunks in hand.
      mayRepeat: SLOTS * CHUNK + IN_FLIGHT,
      async faults({ fault, reached }) {
        const names = [
          'samaconso_worker_2',
          'samaconso_worker_1',
          'samaconso_api_1',
          'samaconso_scheduler_1',
          'samaconso_scheduler_2',
          'samaconso_monitor',
        ]
        for (const [i, name] of names.entries()) {
          await reached(0.2 + 0.1 * i)
          await fault(() => lab.processes.killAndReturn(name))
        }
      },
    }),
}
