import { Compile } from 'typebox/compile'
import type { Fanout } from '../../cache/index.ts'
import { maskedError } from '../../lib/mask.ts'
import type { Heart } from '../heartbeat.ts'
import { MOST_SLOTS } from '../pool.ts'
import type { Revocations } from '../revocations.ts'
import type { Queue } from '../types.ts'
import type { WorkerConfiguration } from '../watching.ts'
import type { Worker } from '../worker.ts'
import {
  ARGS,
  type Args,
  type Command,
  type Fault,
  REPLIES_TOPIC,
  REQUESTS_TOPIC,
  type Reply,
  Request,
} from './protocol.ts'

export interface Obedient {
  worker: Worker
  heart: Heart
  revocations: Revocations
  configuration: WorkerConfiguration
  fanout: Fanout
  /** Told of every command that was carried out and of every one refused. */
  onCommand: (command: string, fault: Fault | null) => void
}

/** Requests that are remembered, so that one that comes twice is done once. */
const MOST_SEEN = 1_000
/** Tasks in one reply. */
const MOST_SHOWN = 500

const isRequest = Compile(Request)
const ARGS_CHECKS = Object.fromEntries(
  Object.entries(ARGS).map(([command, schema]) => [command, Compile(schema)]),
)

class Refusal extends Error {}

/** Does what is asked of a worker by fan-out, and replies. Returns the function that ends it. */
export function obey(one: Obedient): () => void {
  const { worker, fanout, onCommand } = one
  const seen = new Set<string>()

  function isNew(id: string): boolean {
    if (seen.has(id)) return false
    seen.add(id)
    for (const oldest of seen) {
      if (seen.size <= MOST_SEEN) break
      seen.delete(oldest)
    }
    return true
  }

  async function answer({ id, command, args }: Request): Promise<void> {
    let fault: Fault | null = null
    let result: unknown = null
    if (!Object.hasOwn(ARGS, command)) fault = { code: 'unknown_command', message: 'unknown command' }
    else if (!ARGS_CHECKS[command]?.Check(args)) {
      fault = { code: 'invalid', message: 'arguments against their schema' }
    } else {
      try {
        result = await COMMANDS[command as Command](one, args as never)
      } catch (error) {
        const code = error instanceof Refusal ? 'conflict' : 'failed'
        fault = { code, message: maskedError(error) }
      }
    }
    onCommand(command, fault)
    const reply: Reply = { id, worker: worker.name, fault, result }
    fanout.publish(REPLIES_TOPIC, reply)
  }

  return fanout.subscribe(REQUESTS_TOPIC, message => {
    if (!isRequest.Check(message)) return
    if (message.to !== null && !message.to.includes(worker.name)) return
    if (isNew(message.id)) void answer(message)
  })
}

const COMMANDS: { [C in Command]: (one: Obedient, args: Args<C>) => unknown } = {
  ping({ heart }) {
    heart.beat()
    return 'pong'
  },
  statistics: ({ heart }) => heart.describe(),
  active: ({ worker }) =>
    worker
      .active()
      .slice(0, MOST_SHOWN)
      .map(({ message, startedAt, isSlow, isStuck }) => ({
        id: message.id,
        task: message.task,
        queue: message.queue,
        attempt: message.attempt,
        startedAt,
        slow: isSlow,
        stuck: isStuck,
      })),
  reserved: ({ worker }) =>
    worker
      .reserved()
      .slice(0, MOST_SHOWN)
      .map(({ id, task, queue, attempt }) => ({ id, task, queue, attempt })),
  configuration: ({ configuration }) => configuration,
  grow: (one, { n, queue }) => resize(one, queue, slots => slots + n),
  shrink: (one, { n, queue }) => resize(one, queue, slots => slots - n),
  async 'add-consumer'({ worker, heart }, { queue, slots }) {
    if (!(await worker.addConsumer(queue, slots)))
      throw new Refusal(`${queue} is consumed already, or it drains`)
    heart.beat()
    return worker.queues
  },
  'cancel-consumer'({ worker, heart }, { queue }) {
    if (!worker.cancelConsumer(queue)) throw new Refusal(`${queue} is not consumed, or it drains`)
    heart.beat()
    return worker.queues
  },
  revoke({ revocations }, { ids }) {
    revocations.add(ids)
    return { revoked: ids.length }
  },
  terminate({ worker, revocations }, { ids }) {
    revocations.add(ids)
    return { terminated: ids.filter(id => worker.terminate(id)) }
  },
  shutdown({ worker, heart }) {
    // Not waited for: the reply would come after the last task.
    void worker.stop()
    heart.beat()
    return 'draining'
  },
}

async function resize(
  { worker, heart }: Obedient,
  queue: Queue | undefined,
  change: (slots: number) => number,
): Promise<unknown> {
  const queues = Object.entries(worker.queues) as [Queue, number][]
  const chosen = queues.filter(([name]) => queue === undefined || name === queue)
  if (chosen.length === 0) throw new Refusal(`${queue ?? 'no queue'} is not consumed`)
  for (const [name, slots] of chosen) {
    const wanted = change(slots)
    if (wanted > MOST_SLOTS) throw new Refusal(`${name} would have more than ${MOST_SLOTS} slots`)
    if (wanted < 1) throw new Refusal(`${name} would have no slot: cancel its consumer instead`)
  }
  for (const [name, slots] of chosen) {
    if (!(await worker.resize(name, change(slots))))
      throw new Refusal(`${name} is not consumed, or it drains`)
  }
  heart.beat()
  return worker.queues
}
