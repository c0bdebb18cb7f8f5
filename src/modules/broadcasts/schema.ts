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
})

const PrioritySchema = Type.Enum(['urgent', 'high', 'normal', 'low'], {
  default: 'normal',
  description: 'An urgent one (power cut, danger) goes ahead of everything',
})

export const BroadcastBody = Strict({
  audience: AudienceSchema,
  content: Content,
  priority: Type.Optional(PrioritySchema),
  expiresIn: Type.Optional(
    Type.Integer({
      minimum: 60,
      maximum: 2_419_200,
      default: 86_400,
      description: 'Seconds after which it is not sent to devices any more; it stays in the inboxes',
    }),
  ),
})
export type BroadcastBody = Static<typeof BroadcastBody>

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
  reasons: Type.Record(Type.String(), Type.Integer(), {
    description: 'Devices that were not reached, by reason',
    examples: [{ unregistered: 214, INVALID_ARGUMENT: 3 }],
  }),
  stopReason: Nullable(Type.String({ description: 'The fault for which it was stopped' })),
  createdBy: Id,
  createdAt: Instant,
  startedAt: Nullable(Instant),
  finishedAt: Nullable(Instant),
  expiresAt: Instant,
})
export type Broadcast = Static<typeof BroadcastSchema>

export const BroadcastPage = Page(BroadcastSchema)
export const BroadcastQuery = PageQuery
export type BroadcastQuery = Static<typeof BroadcastQuery>

export const Named = Strict({ id: Id })
