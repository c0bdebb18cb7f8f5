import { Type } from 'typebox'
import { Nullable, Strict } from '../../http/schemas.ts'
import { Count, Flag, Health, Ms, named, QueueName, Text, Time } from './fields.ts'
import { heldFields } from './workers.ts'

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
  publishedAt: Type.Optional(Nullable(Time)),
  error: Type.Optional(Nullable(Text)),
  requestId: Type.Optional(Nullable(Text)),
  replayOf: Type.Optional(Text),
  resentAt: Type.Optional(Time),
  discardedAt: Type.Optional(Time),
  slow: Type.Optional(Flag),
  stuck: Type.Optional(Flag),
}
export const Task = Strict(
  { ...taskFields, name: Text, queue: Text, worker: Text, attempt: Count },
  named('TaskView'),
)
export const TaskPage = Strict(
  { items: Type.Array(Task), nextCursor: Nullable(Text), database: Type.Optional(Health) },
  named('TaskPage'),
)

export const ParkedTask = {
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
