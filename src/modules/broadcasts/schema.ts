import { type Static, Type } from 'typebox'
import { Id, Instant, Nullable, Page, PageQuery, Strict } from '../../http/index.ts'
import { Content } from '../notifications/index.ts'

const AgencyId = Type.String({ pattern: '^[0-9]{1,9}$', description: 'Opaque identifier', examples: ['1'] })

export const AudienceSchema = Type.Union(
  [
    Strict({ kind: Type.Literal('everyone') }, { description: 'All customers; administrators only' }),
    Strict(
      {
        kind: Type.Literal('agencies'),
        agencyIds: Type.Array(AgencyId, { minItems: 1, maxItems: 200 }),
      },
      { description: 'Who has an active meter of one of these agencies; an agent: their own' },
    ),
    Strict(
      {
        kind: Type.Literal('meter'),
        number: Type.String({ pattern: '^[0-9][0-9 ]{3,24}$', examples: ['14100000018'] }),
      },
      { description: 'Who has an active link to a meter or contract account' },
    ),
    Strict(
      { kind: Type.Literal('customers'), ids: Type.Array(Id, { minItems: 1, maxItems: 1_000 }) },
      { description: 'These customers' },
    ),
  ],
  { description: 'Who is told', examples: [{ kind: 'agencies', agencyIds: ['1'] }] },
)
export type WantedAudience = Static<typeof AudienceSchema>

export const PreviewBody = Strict({ audience: AudienceSchema })

export const Reach = Type.Object({
  customers: Type.Integer({ description: 'Who will have it in their inbox', examples: [20_412] }),
  devices: Type.Integer({ description: 'Which a push can reach', examples: [17_950] }),
  muted: Type.Integer({
    description: 'Devices of customers who want no announcements; an urgent one reaches them too',
    examples: [212],
  }),
  quietNow: Type.Integer({
    description: 'Of the others, devices in their quiet hours at this moment: reached when those are over',
    examples: [1_204],
  }),
  needsApproval: Type.Boolean({ description: 'A second administrator must approve it' }),
})

const PrioritySchema = Type.Enum(['urgent', 'high', 'normal', 'low'], {
  default: 'normal',
  description: 'An urgent one (power cut, danger) goes ahead of everything',
})

const Rate = Type.Integer({
  minimum: 1,
  maximum: 100_000,
  description: 'At most so many devices a second, all servers together',
  examples: [500],
})

export const BroadcastBody = Strict({
  audience: AudienceSchema,
  content: Content,
  priority: Type.Optional(PrioritySchema),
  scheduledAt: Type.Optional(
    Type.String({
      ...Instant,
      description: 'When it starts, within 90 days; who is in it is decided then. At once without it',
    }),
  ),
  ratePerSecond: Type.Optional(Rate),
  respectQuietHours: Type.Optional(
    Type.Boolean({
      default: true,
      description: 'Devices in their quiet hours get it when those are over; an urgent one ignores them',
    }),
  ),
  expiresIn: Type.Optional(
    Type.Integer({
      minimum: 60,
      maximum: 2_419_200,
      default: 86_400,
      description:
        'Seconds after its start, or after it was accepted while it waits for approval, from which on it is not sent to devices any more; it stays in the inboxes',
    }),
  ),
})
export type BroadcastBody = Static<typeof BroadcastBody>

export const RateBody = Strict(
  { ratePerSecond: Nullable(Rate) },
  { description: 'Null for as fast as it goes', examples: [{ ratePerSecond: 200 }] },
)
export type RateBody = Static<typeof RateBody>

export const TestBody = Strict({
  to: Type.Array(Type.String({ minLength: 7, maxLength: 40, examples: ['+221770000001'] }), {
    minItems: 1,
    maxItems: 5,
    description: 'Phones or ids of customers',
  }),
  content: Content,
  priority: Type.Optional(PrioritySchema),
})
export type TestBody = Static<typeof TestBody>

export const TestAnswer = Type.Object({
  ids: Type.Array(Id, { description: 'Of the notifications, one for each customer' }),
})

export const State = Type.Enum([
  'draft',
  'awaiting-approval',
  'scheduled',
  'running',
  'paused',
  'cancelled',
  'done',
  'stopped',
])
export type State = Static<typeof State>

export const Accepted = Type.Object({ id: Id, state: State })

const devices = (description: string) => Type.Integer({ minimum: 0, description })

const Counts = Type.Object(
  {
    devices: devices('All; always the sum of the others'),
    sent: devices('Accepted by the push service'),
    unregistered: devices('The app is no longer there'),
    refused: devices('Refused for good; see `reasons`'),
    suppressed: devices('Not sent on purpose, as after a cancellation'),
    expired: devices('Could not be sent in time'),
    ambiguous: devices('May have arrived: no answer came, and no attempt is left'),
    pending: devices('Still to come, or waiting to be tried again'),
  },
  { description: 'Devices, each counted once' },
)

export const BroadcastSchema = Type.Object({
  id: Id,
  state: State,
  audience: AudienceSchema,
  content: Content,
  priority: PrioritySchema,
  customers: Type.Integer({ description: 'In whose inbox it is, as counted at the start' }),
  counts: Counts,
  ratePerSecond: Type.Integer({ description: 'Devices accounted for per second, of late' }),
  rateLimit: Nullable(Type.Integer({ description: 'Devices per second that it was limited to' })),
  secondsLeft: Nullable(Type.Integer({ description: 'Until its end, at the rate of late' })),
  reasons: Type.Record(Type.String(), Type.Integer(), {
    description: 'Devices that were not reached, by reason',
    examples: [{ unregistered: 214, INVALID_ARGUMENT: 3 }],
  }),
  stopReason: Nullable(Type.String({ description: 'The fault for which it was stopped' })),
  respectQuietHours: Type.Boolean(),
  createdBy: Id,
  approvedBy: Nullable(Id),
  createdAt: Instant,
  scheduledAt: Nullable(Instant),
  startedAt: Nullable(Instant),
  finishedAt: Nullable(Instant),
  expiresAt: Instant,
})
export type Broadcast = Static<typeof BroadcastSchema>

export const BroadcastPage = Page(BroadcastSchema)
export const BroadcastQuery = PageQuery
export type BroadcastQuery = Static<typeof BroadcastQuery>

export const Named = Strict({ id: Id })
