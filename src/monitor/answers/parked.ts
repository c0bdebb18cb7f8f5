import { Type } from 'typebox'
import { Nullable, Strict } from '../../http/schemas.ts'
import { both, Count, Flag, named, QueueName, Text, Time } from './fields.ts'
import { ParkedTask } from './tasks.ts'

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
