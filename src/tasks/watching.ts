import { type Static, Type } from 'typebox'
import { type Message, QUEUES } from './types.ts'

/** What workers tell everybody who listens: topics and messages of the fan-out. Ids only; what is lost is lost. */
export const WORKERS_TOPIC = 'workers'
export const EVENTS_TOPIC = 'task-events'

/** How often a worker says that it is alive, in ms. */
export const BEAT_MS = 2_000
/** Active tasks that a heartbeat names at most. */
export const MOST_ACTIVE = 100
/** Events of one batch at most. */
export const MOST_EVENTS = 1_000

const Count = Type.Integer({ minimum: 0 })
const Name = Type.String({ minLength: 1, maxLength: 100 })
const Ms = Type.Number({ minimum: 0 })
export const QueueName = Type.Enum(QUEUES)

/** Of a message that tells it; workers of an earlier version do not. */
const messageTimes = { queuedAt: Type.Optional(Ms), publishedAt: Type.Optional(Ms) }

/** What a worker tells of when a message could be worked on, and was published. */
export const timesOf = ({ at, publishedAt }: Message) => ({
  ...(at === undefined ? {} : { queuedAt: at }),
  ...(publishedAt === undefined ? {} : { publishedAt }),
})

const ActiveTask = Type.Object({
  id: Name,
  task: Name,
  queue: QueueName,
  attempt: Count,
  ...messageTimes,
  startedAt: Ms,
  slow: Type.Boolean(),
  stuck: Type.Boolean(),
})

export const Heartbeat = Type.Object({
  kind: Type.Literal('heartbeat'),
  name: Name,
  host: Type.String({ maxLength: 255 }),
  pid: Count,
  version: Type.String({ maxLength: 100 }),
  /** What its process is: a worker alone, or all of the product. Workers of an earlier version do not say. */
  role: Type.Optional(Type.String({ maxLength: 100 })),
  startedAt: Ms,
  at: Ms,
  draining: Type.Boolean(),
  queues: Type.Array(Type.Object({ queue: QueueName, slots: Count, active: Count, reserved: Count }), {
    maxItems: QUEUES.length,
  }),
  succeeded: Count,
  failed: Count,
  /** Tasks that ended, by second, since the heartbeat before. */
  ratePerSecond: Ms,
  /** Longest delay of the event loop since the heartbeat before, in ms. */
  loopDelayMs: Ms,
  memoryBytes: Count,
  /** What was not kept since the start because it was too much at once. */
  dropped: Type.Object({ events: Count, history: Count, results: Count }),
  /** The oldest of what is under way. */
  active: Type.Array(ActiveTask, { maxItems: MOST_ACTIVE }),
  activeCount: Count,
})
export type Heartbeat = Static<typeof Heartbeat>

/** A setting of a worker's process; null is a secret that is given, and never told. */
export const ShownSetting = Type.Object({
  name: Name,
  value: Type.Union([Type.String(), Type.Null()]),
  isDefault: Type.Boolean(),
})
export type ShownSetting = Static<typeof ShownSetting>

/** What a worker is allowed, and how it was started; told to who asks. */
export const WorkerConfiguration = Type.Object({
  /** Most slots of one queue. */
  mostSlots: Count,
  /** Tasks that it knows, with their limits. */
  tasks: Type.Array(Type.Object({ name: Name, queue: QueueName, attempts: Count, slowMs: Ms })),
  settings: Type.Array(ShownSetting),
})
export type WorkerConfiguration = Static<typeof WorkerConfiguration>

/** A worker that ended properly. */
export const Farewell = Type.Object({ kind: Type.Literal('farewell'), name: Name, startedAt: Ms, at: Ms })
export type Farewell = Static<typeof Farewell>

const SEEN = ['started', 'succeeded', 'retried', 'parked', 'revoked', 'interrupted', 'slow', 'stuck'] as const

/** One thing that happened to one task. */
export const SeenEvent = Type.Object({
  kind: Type.Enum(SEEN),
  id: Name,
  task: Type.String({ maxLength: 100 }),
  queue: QueueName,
  attempt: Count,
  at: Ms,
  ...messageTimes,
  startedAt: Type.Union([Ms, Type.Null()]),
  runMs: Type.Union([Ms, Type.Null()]),
})
export type SeenEvent = Static<typeof SeenEvent>

export const EventBatch = Type.Object({
  worker: Name,
  events: Type.Array(SeenEvent, { maxItems: MOST_EVENTS }),
})
export type EventBatch = Static<typeof EventBatch>
