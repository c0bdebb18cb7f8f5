import { Type } from 'typebox'
import { Nullable, Strict } from '../../http/schemas.ts'
import { both, Count, Health, Ms, named, Text, Time } from './fields.ts'
import { Task } from './tasks.ts'

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
