import { type Static, Type } from 'typebox'
import { MOST_SLOTS } from '../pool.ts'
import { QueueName } from '../watching.ts'

/** What is asked of workers by fan-out, and how they answer. */
export const REQUESTS_TOPIC = 'worker-requests'
export const REPLIES_TOPIC = 'worker-replies'

/** Tasks that one request names at most. */
export const MOST_IDS = 500

const Ids = Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { minItems: 1, maxItems: MOST_IDS })
const Slots = Type.Integer({ minimum: 1, maximum: MOST_SLOTS })
const Strict: typeof Type.Object = ((properties: object) =>
  Type.Object(properties as never, { additionalProperties: false })) as typeof Type.Object

/** The arguments of each command. */
export const ARGS = {
  /** Answers, and says at once how it is. */
  ping: Strict({}),
  /** All that a heartbeat says. */
  statistics: Strict({}),
  /** What is under way. */
  active: Strict({}),
  /** What the broker handed over and that waits for a slot. */
  reserved: Strict({}),
  /** Its limits, and its settings without secrets. */
  configuration: Strict({}),
  /** More slots, of one queue or of each that the worker serves. */
  grow: Strict({ n: Slots, queue: Type.Optional(QueueName) }),
  /** Fewer slots; one is left. */
  shrink: Strict({ n: Slots, queue: Type.Optional(QueueName) }),
  'add-consumer': Strict({ queue: QueueName, slots: Slots }),
  'cancel-consumer': Strict({ queue: QueueName }),
  /** Tasks to refuse when they arrive. */
  revoke: Strict({ ids: Ids }),
  /** Tasks to end now, and to refuse. */
  terminate: Strict({ ids: Ids }),
  /** To finish what it holds and end. */
  shutdown: Strict({}),
} as const

export type Command = keyof typeof ARGS
export type Args<C extends Command> = Static<(typeof ARGS)[C]>

export const Request = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 100 }),
  command: Type.String({ maxLength: 100 }),
  /** Names of workers; all when null. */
  to: Type.Union([Type.Null(), Type.Array(Type.String({ maxLength: 100 }), { maxItems: 1_000 })]),
  args: Type.Unknown(),
})
export type Request = Static<typeof Request>

/** 'conflict': the worker is not in the state for it. */
const FAULTS = ['unknown_command', 'invalid', 'conflict', 'failed'] as const

export const Reply = Type.Object({
  id: Type.String({ maxLength: 100 }),
  worker: Type.String({ maxLength: 100 }),
  fault: Type.Union([
    Type.Null(),
    Type.Object({ code: Type.Enum(FAULTS), message: Type.String({ maxLength: 500 }) }),
  ]),
  result: Type.Unknown(),
})
export type Reply = Static<typeof Reply>
export type Fault = NonNullable<Reply['fault']>
