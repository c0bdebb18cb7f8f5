import { type TSchema, Type } from 'typebox'
import { Nullable, Strict } from '../http/schemas.ts'
import { QUEUES } from '../tasks/index.ts'

/**
 * What the monitor answers: openapi-monitor.json and the types of its page are made from these, handlers are typed by
 * them, and every answer that a test gets is held against them. A schema with a title is a type of its own there.
 */
const Text = Type.String()
const Count = Type.Integer()
const Ms = Type.Number()
/** Dates of the database become text on the way out. */
const Time = Type.Unsafe<Date | string>({ type: 'string', format: 'date-time' })
const Flag = Type.Boolean()
const named = (title: string) => ({ title })
const Anything = Type.Unknown()

const QueueName = Type.Enum(QUEUES, named('QueueName'))
export const Health = Type.Enum(['ok', 'down'], named('Health'))
const List = <T extends TSchema>(item: T) => Strict({ items: Type.Array(item) })

export const Me = Strict({ user: Text, mayAct: Flag, readOnly: Flag, version: Text }, named('Me'))

const workerFields = {
  name: Text,
  state: Type.Enum(['running', 'draining', 'lost', 'stopped']),
  host: Text,
  pid: Count,
  version: Text,
  startedAt: Time,
  lastSeenAt: Time,
  namesake: Type.Optional(Flag),
  queues: Type.Array(Strict({ queue: QueueName, slots: Count, active: Count, reserved: Count })),
  active: Count,
  slow: Count,
  stuck: Count,
  succeeded: Count,
  failed: Count,
  ratePerSecond: Ms,
  loopDelayMs: Ms,
  memoryBytes: Count,
  dropped: Strict({ events: Count, history: Count, results: Count }),
}
const Worker = Strict(workerFields, named('WorkerView'))
export const Workers = List(Worker)

const heldFields = { id: Text, task: Text, queue: Text, attempt: Count }
export const WorkerDetail = Strict(
  {
    ...workerFields,
    answered: Flag,
    activeTasks: Type.Array(Strict({ ...heldFields, startedAt: Ms, slow: Flag, stuck: Flag })),
    reservedTasks: Type.Array(Strict(heldFields)),
  },
  named('WorkerDetail'),
)
export const Pool = Strict({ worker: Text, queues: Type.Record(Text, Count) }, named('Pool'))
export const Draining = Strict({ worker: Text, state: Text })

/** Of what is under way, of the history, or of the result that is kept for an hour: each knows less than the history. */
const taskFields = {
  id: Text,
  state: Text,
  name: Type.Optional(Text),
  queue: Type.Optional(Text),
  worker: Type.Optional(Text),
  attempt: Type.Optional(Count),
  startedAt: Type.Optional(Nullable(Time)),
  finishedAt: Type.Optional(Nullable(Time)),
  runMs: Type.Optional(Nullable(Ms)),
  waitMs: Type.Optional(Nullable(Ms)),
  queuedAt: Type.Optional(Nullable(Time)),
  error: Type.Optional(Nullable(Text)),
  requestId: Type.Optional(Nullable(Text)),
  replayOf: Type.Optional(Text),
  resentAt: Type.Optional(Time),
  discardedAt: Type.Optional(Time),
  slow: Type.Optional(Flag),
  stuck: Type.Optional(Flag),
}
const Task = Strict(
  { ...taskFields, name: Text, queue: Text, worker: Text, attempt: Count },
  named('TaskView'),
)
export const TaskPage = Strict(
  { items: Type.Array(Task), nextCursor: Nullable(Text), database: Type.Optional(Health) },
  named('TaskPage'),
)

const ParkedTask = {
  kind: Type.Literal('task'),
  id: Text,
  name: Text,
  queue: QueueName,
  attempt: Count,
  reason: Text,
  parkedAt: Time,
}
export const TaskDetail = Strict(
  {
    ...taskFields,
    attempts: Type.Array(
      Strict(
        {
          ...taskFields,
          name: Text,
          queue: Text,
          worker: Text,
          attempt: Count,
          arguments: Type.Optional(Nullable(Text)),
        },
        named('AttemptView'),
      ),
    ),
    cause: Nullable(
      Strict(
        {
          requestId: Text,
          acts: Type.Array(
            Strict({ role: Nullable(Text), accountId: Nullable(Text), action: Text, at: Time }),
          ),
        },
        named('Cause'),
      ),
    ),
    parked: Nullable(Strict(ParkedTask)),
    revoked: Nullable(Strict({ by: Text, at: Time })),
    result: Nullable(
      Strict({
        ...heldFields,
        queue: Type.Optional(Text),
        state: Text,
        worker: Text,
        finishedAt: Time,
        runMs: Nullable(Ms),
        error: Nullable(Text),
      }),
    ),
    database: Health,
    broker: Health,
  },
  named('TaskDetail'),
)

export const Revoked = Strict(
  {
    id: Text,
    revoked: Flag,
    terminated: Type.Optional(Flag),
    workers: Type.Array(Text),
    silent: Type.Array(Text),
  },
  named('Revoked'),
)
export const Retried = Strict({ id: Text, retried: Flag })
export const RetriedAll = Strict(
  {
    dryRun: Flag,
    matched: Count,
    retried: Count,
    missing: Count,
    more: Flag,
    nextCursor: Nullable(Text),
  },
  named('RetriedAll'),
)
export const RevokedAll = Strict(
  { dryRun: Flag, matched: Count, revoked: Count, more: Flag, silent: Type.Optional(Type.Array(Text)) },
  named('RevokedAll'),
)

const Queue = Strict(
  {
    queue: Text,
    ready: Nullable(Count),
    unacknowledged: Nullable(Count),
    delayed: Nullable(Count),
    parked: Nullable(Count),
    consumers: Count,
    slots: Count,
    active: Count,
    inPerSecond: Nullable(Ms),
    outPerSecond: Nullable(Ms),
    waitedMs: Nullable(Ms),
  },
  named('QueueView'),
)
export const Queues = Strict(
  {
    broker: Health,
    database: Health,
    items: Type.Array(Queue),
    outbox: Nullable(Strict({ waiting: Count, oldestSeconds: Nullable(Ms) })),
  },
  named('Queues'),
)
const Sample = Strict(
  {
    ready: Count,
    unacknowledged: Count,
    delayed: Count,
    parked: Count,
    inPerSecond: Ms,
    outPerSecond: Ms,
  },
  named('Sample'),
)
export const Trend = Strict(
  {
    everySeconds: Count,
    items: Type.Array(Strict({ at: Time, queues: Nullable(Type.Record(Text, Sample)) })),
  },
  named('Trend'),
)

const Group = Strict(
  {
    kind: Type.Enum(['task', 'delivery']),
    name: Nullable(Text),
    queue: QueueName,
    cause: Text,
    count: Count,
    oldestAt: Type.Optional(Time),
    newestAt: Type.Optional(Time),
  },
  named('ParkedGroup'),
)
const ParkedItem = Type.Union(
  [
    Strict(ParkedTask),
    Strict({
      kind: Type.Literal('delivery'),
      id: Text,
      notificationId: Nullable(Text),
      broadcastId: Nullable(Text),
      queue: Text,
      size: Nullable(Count),
      reason: Text,
      parkedAt: Time,
    }),
  ],
  named('ParkedItem'),
)
const both = { broker: Health, database: Health }
export const ParkedPage = Strict(
  {
    items: Type.Array(ParkedItem),
    groups: Type.Array(Group),
    total: Strict({ tasks: Nullable(Count), deliveries: Nullable(Count) }),
    ...both,
  },
  named('ParkedPage'),
)
export const Replayed = Strict(
  {
    dryRun: Flag,
    matched: Count,
    replayed: Strict({ tasks: Count, deliveries: Count }),
    more: Flag,
    ...both,
  },
  named('Replayed'),
)
export const Discarded = Strict(
  { dryRun: Flag, matched: Count, discarded: Count, kept: Count, more: Flag },
  named('Discarded'),
)

const Broadcast = Strict(
  {
    id: Text,
    state: Text,
    title: Text,
    audience: Text,
    priority: Text,
    counts: Type.Record(Text, Count),
    ratePerSecond: Ms,
    secondsLeft: Nullable(Ms),
    reasons: Type.Record(Text, Count),
    stopReason: Nullable(Text),
    createdAt: Time,
    scheduledAt: Nullable(Time),
    startedAt: Nullable(Time),
    finishedAt: Nullable(Time),
  },
  named('BroadcastView'),
)
export const Broadcasts = Strict({ items: Type.Array(Broadcast), database: Health }, named('Broadcasts'))
export const Due = Strict(
  {
    broadcasts: Type.Array(Broadcast),
    tasks: Type.Array(Task),
    deliveries: Type.Array(Strict({ queue: Text, count: Count, first: Time, last: Time })),
    delayed: Type.Array(Strict({ queue: Text, delayed: Count })),
    ...both,
  },
  named('Due'),
)

export const AuditPage = Strict(
  {
    items: Type.Array(
      Strict({
        id: Text,
        at: Time,
        who: Text,
        action: Text,
        object: Nullable(Text),
        detail: Type.Record(Text, Anything),
        requestId: Nullable(Text),
      }),
    ),
    nextCursor: Nullable(Text),
    database: Health,
  },
  named('AuditPage'),
)
