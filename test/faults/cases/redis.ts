import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Case, drill } from '../drill.ts'

/** Redis killed, with its data and without. */
export const redis: Case = {
  name: 'redis',
  what: 'Redis killed, and once with all its data lost',
  atMostSeconds: 180,
  run: lab =>
    drill(lab, {
      name: 'redis',
      mayRepeat: 0,
      async faults({ fault, reached }) {
        await reached(0.2)
        await fault(() => lab.processes.killAndReturn('redis'))
        await reached(0.5)
        await fault(() =>
          lab.processes.killAndReturn('redis', () =>
            rm(join(lab.dir, 'redis', 'appendonlydir'), { recursive: true, force: true }),
          ),
        )
      },
    }),
}
