import { Type } from 'typebox'
import { Nullable, Strict } from '../../http/schemas.ts'
import { Count, Health, Ms, named, Text, Time } from './fields.ts'

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
    oldestMs: Nullable(Ms),
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
