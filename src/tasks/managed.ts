import type { Fanout, Shelf } from '../cache/types.ts'
import type { Database } from '../db/index.ts'
import { systemClock } from '../lib/clock.ts'
import { obey } from './control/obey.ts'
import type { Fault } from './control/protocol.ts'
import { batchEvents } from './events.ts'
import type { Handlers } from './handlers.ts'
import { startHeart } from './heartbeat.ts'
import { keepHistory } from './history.ts'
import { MOST_SLOTS } from './pool.ts'
import { keepResults } from './results.ts'
import { openRevocations } from './revocations.ts'
import type { ShownSetting, WorkerConfiguration } from './watching.ts'
import { SLOW_MS, startWorker, type Worker, type WorkerOptions } from './worker.ts'

export interface ManagedWorkerOptions extends Omit<WorkerOptions, 'isRevoked'> {
  /** Where it is seen and steered. */
  fanout: Fanout
  version: string
  /** What its process is. */
  role?: string
  /** Those of its process, as an operator may see them. */
  settings?: readonly ShownSetting[]
  /** Where its history goes, and revocations come from. */
  db?: Database | undefined
  /** Where results are put for an hour. */
  shelf?: Shelf | undefined
  /** Told of what went wrong beside the tasks: none of it stops them. */
  onError: (error: unknown) => void
  onCommand?: (command: string, fault: Fault | null) => void
  beatMs?: number
}

/**
 * A worker that others see and steer: it says by fan-out that it is alive and what happens to its tasks, does what it is
 * asked there, and keeps results and history.
 */
export async function startManagedWorker(handlers: Handlers, options: ManagedWorkerOptions): Promise<Worker> {
  const { fanout, db, shelf, onError, clock = systemClock, onCommand = () => undefined } = options
  const revocations = await openRevocations({ db, onError })
  const events = batchEvents(fanout, options.name)
  const history = db ? keepHistory({ db, onError }) : undefined
  const results = shelf ? keepResults(shelf, onError) : undefined
  let worker: Worker
  try {
    worker = await startWorker(handlers, {
      ...options,
      isRevoked: revocations.has,
      onEvent(event) {
        options.onEvent(event)
        events.add(event)
        history?.add(event)
        results?.add(event)
      },
    })
  } catch (error) {
    revocations.stop()
    await history?.stop()
    throw error
  }
  const heart = startHeart({
    worker,
    fanout,
    clock,
    version: options.version,
    role: options.role,
    everyMs: options.beatMs,
    dropped: () => ({
      events: events.dropped(),
      history: history?.dropped() ?? 0,
      results: results?.dropped() ?? 0,
    }),
  })
  const configuration = configurationOf(handlers, options.settings)
  const disobey = obey({ worker, heart, revocations, configuration, fanout, onCommand })

  const ended = worker.ended.then(async end => {
    disobey()
    events.stop()
    revocations.stop()
    await history?.stop()
    heart.stop()
    return end
  })
  return {
    ...worker,
    get queues() {
      return worker.queues
    },
    ended,
    async stop(graceMs) {
      await worker.stop(graceMs)
      await ended
    },
  }
}

const configurationOf = (
  handlers: Handlers,
  settings: readonly ShownSetting[] = [],
): WorkerConfiguration => ({
  mostSlots: MOST_SLOTS,
  tasks: handlers
    .tasks()
    .map(({ name, queue, attempts, slowMs = SLOW_MS }) => ({ name, queue, attempts, slowMs })),
  settings: [...settings],
})
