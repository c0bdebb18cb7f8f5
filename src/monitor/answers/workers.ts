import { Type } from 'typebox'
import { Nullable, Strict } from '../../http/schemas.ts'
import { Count, Flag, List, Ms, named, QueueName, Text, Time } from './fields.ts'

const workerFields = {
  name: Text,
  state: Type.Enum(['running', 'draining', 'lost', 'stopped']),
  host: Text,
  pid: Count,
  version: Text,
  role: Type.Optional(Text),
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

export const heldFields = { id: Text, task: Text, queue: Text, attempt: Count }
export const WorkerDetail = Strict(
  {
    ...workerFields,
    answered: Flag,
    activeTasks: Type.Array(Strict({ ...heldFields, startedAt: Ms, slow: Flag, stuck: Flag })),
    reservedTasks: Type.Array(Strict(heldFields)),
  },
  named('WorkerDetail'),
)
export const Configuration = Strict(
  {
    mostSlots: Count,
    tasks: Type.Array(Strict({ name: Text, queue: QueueName, attempts: Count, slowMs: Ms })),
    settings: Type.Array(Strict({ name: Text, value: Nullable(Text), isDefault: Flag })),
  },
  named('Configuration'),
)
export const Pool = Strict({ worker: Text, queues: Type.Record(Text, Count) }, named('Pool'))
export const Draining = Strict({ worker: Text, state: Text })
