import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Case, CHUNK, drill, SLOTS } from '../drill.ts'
import type { Lab } from '../lab.ts'

/** RabbitMQ killed, with its data and twice without it. */
export const broker: Case = {
  name: 'broker',
  what: 'RabbitMQ killed, and twice with all its data lost',
  atMostSeconds: 240,
  run: lab =>
    drill(lab, {
      name: 'broker',
      // Workers go on with what they have in hand. A chunk whose message comes again is held by its lease.
      mayRepeat: SLOTS * CHUNK,
      async faults({ fault, reached }) {
        await reached(0.15)
        await fault(() => lab.processes.killAndReturn('rabbitmq'), SETTLE_MS)
        await reached(0.4)
        await fault(() => lab.processes.killAndReturn('rabbitmq', () => lose(lab)), SETTLE_MS)
        await reached(0.7)
        await fault(() => lab.processes.killAndReturn('rabbitmq', () => lose(lab)), SETTLE_MS)
      },
    }),
}

/** Connections are tried again after some seconds, then the queues are declared. */
const SETTLE_MS = 8_000

const lose = (lab: Lab): Promise<void> =>
  rm(join(lab.dir, 'rabbitmq', 'data'), { recursive: true, force: true })
