import { parseArgs } from 'node:util'
import type { Services } from '../services.ts'
import { type Broker, MOST_SLOTS, QUEUES, type Queue } from '../tasks/index.ts'
import { StartError } from './say.ts'
import { evenly, startWorkerRole } from './worker.ts'

/**
 * How a worker's process ends that a task left stuck: EX_TEMPFAIL of sysexits.h, "try again". Its supervisor starts it
 * anew; 0, after a signal or a shutdown from the monitor, means that somebody wanted it gone.
 */
export const EXIT_STUCK = 75

export interface WorkerArgs {
  name: string
  queues: Partial<Record<Queue, number>>
}

/**
 * `--queues urgent,high_priority --concurrency 4 --name worker_2`: all queues, `WORKER_SLOTS` tasks of each at once and the
 * name of the instance unless said otherwise. A `StartError` for anything else.
 */
export function parseWorkerArgs(
  args: readonly string[],
  { workerSlots, instance }: { workerSlots: number; instance: string },
): WorkerArgs {
  const { queues = QUEUES.join(','), concurrency = String(workerSlots), name = instance } = read(args)
  const chosen = queues.split(',').map(queue => queue.trim())
  const slots = Number(concurrency)
  const known = chosen.filter((queue): queue is Queue => QUEUES.includes(queue as Queue))
  if (known.length !== chosen.length) {
    const list = QUEUES.join(', ')
    throw new StartError({
      fr: `--queues : ${list}, séparées par des virgules.`,
      en: `--queues: ${list}, separated by commas.`,
    })
  }
  if (!/^\d{1,3}$/.test(concurrency) || slots < 1 || slots > MOST_SLOTS) {
    throw new StartError({
      fr: `--concurrency : un nombre de 1 à ${MOST_SLOTS}.`,
      en: `--concurrency: a number from 1 to ${MOST_SLOTS}.`,
    })
  }
  if (!/^[\w.-]{1,100}$/.test(name)) {
    throw new StartError({
      fr: '--name : des lettres, chiffres, points, traits, au plus 100.',
      en: '--name: letters, digits, dots, dashes, at most 100.',
    })
  }
  return { name, queues: evenly(known, slots) }
}

function read(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        queues: { type: 'string' },
        concurrency: { type: 'string' },
        name: { type: 'string' },
      },
    })
    return values
  } catch (error) {
    const { message } = error as Error
    throw new StartError({ fr: `worker : ${message}`, en: `worker: ${message}` })
  }
}

export interface WorkerProcess {
  services: Services
  broker: Broker
  version: string
  /** Aborts when the process is told to end. */
  signal: AbortSignal
}

/** Works until it is told to end, or until it has to; returns the exit code. What it was given is the caller's to close. */
export async function runWorker({ name, queues }: WorkerArgs, given: WorkerProcess): Promise<number> {
  const { services, broker, version, signal } = given
  const worker = await startWorkerRole(services, { broker, version, role: 'worker', name, queues })
  services.log.info({ event: 'worker_started', version, worker: name, queues })
  const stop = () => void worker.stop()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  const end = await worker.ended
  signal.removeEventListener('abort', stop)
  services.log.info({ event: 'worker_ended', worker: name, end })
  return end === 'stuck' ? EXIT_STUCK : 0
}
